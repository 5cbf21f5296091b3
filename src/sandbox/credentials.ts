import { SIMULATORS } from './simulators.ts'

/** What the simulators accept. No secrets: they open nothing but a sandbox. */
export const MPESA = {
  consumerKey: 'sandbox-consumer-key',
  consumerSecret: 'sandbox-consumer-secret',
  shortcode: '174379',
  passkey: 'sandbox-passkey',
  initiator: 'sandbox-initiator',
  securityCredential: 'sandbox-security-credential',
} as const

export const STRIPE = {
  testKey: 'sk_test_sandbox',
  /** Makes objects with `livemode: true`, as Stripe does: for trying the live mode against the simulators. */
  liveKey: 'sk_live_sandbox',
  webhookSecret: 'whsec_sandbox',
} as const

export const BITCOIN = {
  user: 'sandbox',
  /** Sees the main network: for trying the live mode against the simulators. */
  liveUser: 'sandbox-live',
  password: 'sandbox',
  /** m/84'/1'/0' and m/84'/0'/0' of the seed "abandon … about", which everybody knows (BIP84's test vectors). */
  xpub: 'vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc',
  liveXpub:
    'zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs',
} as const

/**
 * Settings with which the rails and price sources talk to the simulators at `baseUrl` (without a slash at the end) instead of the providers.
 * `livemode`: keys for a program that runs in live mode.
 */
export function sandboxCredentials(baseUrl: string, options: { livemode?: boolean } = {}): Record<string, string> {
  const livemode = options.livemode === true
  const own = SIMULATORS.flatMap((one) => Object.entries(one.credentials(baseUrl, { livemode })))
  return {
    ...Object.fromEntries(own),
    MPESA_CONSUMER_KEY: MPESA.consumerKey,
    MPESA_CONSUMER_SECRET: MPESA.consumerSecret,
    MPESA_SHORTCODE: MPESA.shortcode,
    MPESA_PASSKEY: MPESA.passkey,
    MPESA_PULL: 'true',
    MPESA_INITIATOR_NAME: MPESA.initiator,
    MPESA_SECURITY_CREDENTIAL: MPESA.securityCredential,
    MPESA_BASE_URL: `${baseUrl}/sandbox/daraja`,
    TRANSFER_INSTRUCTIONS: 'Practice Bank\\nAccount 0100 200 300\\nName: Purser Practice',
    TRANSFER_CURRENCIES: 'KES,USD',
    STRIPE_SECRET_KEY: livemode ? STRIPE.liveKey : STRIPE.testKey,
    STRIPE_WEBHOOK_SECRET: STRIPE.webhookSecret,
    BITCOIN_XPUB: livemode ? BITCOIN.liveXpub : BITCOIN.xpub,
    BITCOIN_RPC_URL: `${baseUrl}/sandbox/bitcoin/rpc`,
    BITCOIN_RPC_USER: livemode ? BITCOIN.liveUser : BITCOIN.user,
    BITCOIN_RPC_PASSWORD: BITCOIN.password,
    STRIPE_BASE_URL: `${baseUrl}/sandbox/stripe`,
    COINGECKO_BASE_URL: `${baseUrl}/sandbox/coingecko`,
    COINBASE_BASE_URL: `${baseUrl}/sandbox/coinbase`,
    KRAKEN_BASE_URL: `${baseUrl}/sandbox/kraken`,
  }
}
