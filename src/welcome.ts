import type { App, AppConfig } from './app.ts'

/** What the terminal says once requests are served. */
export function greet(app: App, { config, warnings }: AppConfig): void {
  const { mode, instanceType, nodeEnv } = config.platform
  // In production the log is not shown, and whoever starts it should see these.
  if (nodeEnv === 'production') for (const warning of warnings) process.stderr.write(`${warning}\n`)
  const lines =
    instanceType === 'worker'
      ? [`Purser works (${mode}).`]
      : mode === 'sandbox'
        ? sandbox(app)
        : [`Purser runs (${mode}) at ${app.url()}`]
  process.stdout.write(`\n${lines.map((line) => (line ? `  ${line}` : '')).join('\n')}\n\n`)
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
