import { formatTable } from '#platform/base/table'
import type { App } from './app.ts'
import type { AppConfig } from './foundation.ts'

const COLUMNS = 120
const INDENT = 2

/** Prints what the terminal shows once requests are served. */
export async function greet(app: App, { config, warnings }: AppConfig): Promise<void> {
  const { mode, instanceType, nodeEnv } = config.platform
  // In production the log is not shown, and whoever starts it should see these.
  if (nodeEnv === 'production') for (const warning of warnings) process.stderr.write(`${warning}\n`)
  const lines =
    instanceType === 'worker'
      ? [`Purser works (${mode}).`]
      : mode === 'sandbox'
        ? sandbox(app)
        : await forReal(app, mode)
  process.stdout.write(`\n${lines.map((line) => (line ? `  ${line}` : '')).join('\n')}\n\n`)
}

/** The rails with what they lack, and the next step of whoever sets the program up. */
async function forReal(app: App, mode: string): Promise<string[]> {
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

/** Rails that need no provider: they alone do not make a desk that takes money. */
const OWN_RAILS: readonly string[] = ['balance']

async function nextSteps({ db, identity, payments, url }: App): Promise<string[]> {
  const isOn = payments.railStates().some(({ name, unavailable }) => !unavailable && !OWN_RAILS.includes(name))
  const { items: merchants } = await identity.listMerchants(db, { limit: 1 })
  const { items: keys } = await identity.listKeys(db, { limit: 1 })
  const steps = [
    ...(isOn ? [] : ['Turn a rail on: set what it lacks in the environment, or with: npx purser setting set NAME']),
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

function sandbox(app: App): string[] {
  const url = app.url()
  const { sandboxKey: key = '' } = app
  return [
    'Purser runs in the sandbox: every provider is simulated, no real money moves.',
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
