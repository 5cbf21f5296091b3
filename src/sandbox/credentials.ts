/** What the simulators accept. No secrets: they open nothing but a sandbox. */
export const MPESA = {
  consumerKey: 'sandbox-consumer-key',
  consumerSecret: 'sandbox-consumer-secret',
  shortcode: '174379',
  passkey: 'sandbox-passkey',
} as const

export const STRIPE = {
  testKey: 'sk_test_sandbox',
  /** Makes objects with `livemode: true`, as Stripe does: for trying the live mode against the simulators. */
  liveKey: 'sk_live_sandbox',
  webhookSecret: 'whsec_sandbox',
} as const

/**
 * Settings with which the rails and price sources talk to the simulators at `baseUrl` (without a slash at the end) instead of the providers.
 * `livemode`: keys for a program that runs in live mode.
 */
export function sandboxCredentials(baseUrl: string, options: { livemode?: boolean } = {}): Record<string, string> {
  return {
    MPESA_CONSUMER_KEY: MPESA.consumerKey,
    MPESA_CONSUMER_SECRET: MPESA.consumerSecret,
    MPESA_SHORTCODE: MPESA.shortcode,
    MPESA_PASSKEY: MPESA.passkey,
    MPESA_BASE_URL: `${baseUrl}/sandbox/daraja`,
    STRIPE_SECRET_KEY: options.livemode ? STRIPE.liveKey : STRIPE.testKey,
    STRIPE_WEBHOOK_SECRET: STRIPE.webhookSecret,
    STRIPE_BASE_URL: `${baseUrl}/sandbox/stripe`,
    COINGECKO_BASE_URL: `${baseUrl}/sandbox/coingecko`,
    COINBASE_BASE_URL: `${baseUrl}/sandbox/coinbase`,
    KRAKEN_BASE_URL: `${baseUrl}/sandbox/kraken`,
  }
}
