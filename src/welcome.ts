import { formatTable } from '#platform/base/table'
import type { App } from './app.ts'
import type { AppConfig } from './foundation.ts'

const COLUMNS = 120
const INDENT = 2

/** Prints the start message once the server accepts requests. */
export async function greet(app: App, { config, warnings }: AppConfig): Promise<void> {
  const { mode, instanceType, nodeEnv } = config.platform
  // In production the terminal shows no log, but the operator must see the warnings.
  if (nodeEnv === 'production') for (const warning of warnings) process.stderr.write(`${warning}\n`)
  const lines =
    instanceType === 'worker'
      ? [
          `The Purser worker runs (${mode}).`,
          '',
          `Health           ${app.http.listeningOrigin}/health`,
          '',
          'Ctrl-C stops it.',
        ]
      : mode === 'sandbox'
        ? describeSandbox(app)
        : await describeDesk(app, mode)
  process.stdout.write(`\n${lines.map((line) => (line ? `  ${line}` : '')).join('\n')}\n\n`)
}

/** Describes a test or live desk: its rails, why a rail is off, and the next setup steps. */
async function describeDesk(app: App, mode: string): Promise<string[]> {
  const rails = app.payments.railStates()
  const rows = rails.map(({ name, unavailable }) => ({
    rail: name,
    state: unavailable === undefined ? 'on' : 'off',
    why: unavailable ?? '',
  }))
  return [
    `Purser runs (${mode}) at ${app.url()}`,
    '',
    ...formatTable(rows, (process.stdout.columns ?? COLUMNS) - INDENT).split('\n'),
    '',
    ...(await nextSteps(app)),
    '',
    'Ctrl-C stops everything.',
  ]
}

/** Rails without a provider. They alone cannot collect money. */
const INTERNAL_RAILS: readonly string[] = ['balance']

async function nextSteps({ db, identity, payments, url }: App): Promise<string[]> {
  const isOn = payments.railStates().some(({ name, unavailable }) => !unavailable && !INTERNAL_RAILS.includes(name))
  const { items: merchants } = await identity.listMerchants(db, { limit: 1 })
  const { items: keys } = await identity.listKeys(db, { limit: 1 })
  const steps = [
    ...(isOn
      ? []
      : ['Turn on a rail: set its missing settings in the environment, or with: npx purser setting set NAME']),
    ...(merchants.length > 0 ? [] : ['Create a merchant: npx purser merchant create "My shop"']),
    ...(keys.length > 0 ? [] : ['Create its API key: npx purser key create mer_…']),
  ]
  if (steps.length === 0) return [`API reference    ${url()}/docs`]
  return [
    'Next:',
    ...steps.map((step, i) => `  ${i + 1}. ${step}`),
    `  ${steps.length + 1}. Take a payment: ${url()}/docs`,
  ]
}

function describeSandbox(app: App): string[] {
  const url = app.url()
  const { sandboxKey: key = '' } = app
  return [
    'Purser runs in the sandbox: all providers are simulated, and no real money moves.',
    '',
    `Start here       ${url}/`,
    `Demo checkout    ${url}/demo`,
    `Practice phone   ${url}/sandbox`,
    `API reference    ${url}/docs`,
    ...(app.sandboxPassword
      ? ['', `Password of the practice pages (any user name): ${app.sandboxPassword.reveal()}`]
      : []),
    '',
    `Test API key     ${key}`,
    '',
    'Create a payment:',
    `  curl ${url}/api/v1/payments -H 'Authorization: Bearer ${key}' \\`,
    `    -H 'Content-Type: application/json' -H 'Idempotency-Key: order-1' \\`,
    `    -d '{"amount":"1500.00","currency":"KES"}'`,
    '',
    'Ctrl-C stops everything.',
  ]
}
