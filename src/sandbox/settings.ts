import { BITCOIN, MPESA, STRIPE } from './credentials.ts'
import { SIMULATORS } from './simulators.ts'

/**
 * Returns the settings that point the rails and price sources at the simulators instead of the providers.
 * @param baseUrl address of the sandbox, without a trailing slash
 * @param options `livemode`: return the keys that the simulators accept from a program in live mode
 */
export function sandboxCredentials(baseUrl: string, options: { livemode?: boolean } = {}): Record<string, string> {
  const livemode = options.livemode === true
  const listed = SIMULATORS.flatMap((one) => Object.entries(one.credentials(baseUrl, { livemode })))
  return {
    ...Object.fromEntries(listed),
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
