/** Credentials that the simulators accept. They are not secret: they give access only to a sandbox. */
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
  /** Creates objects with `livemode: true`, as Stripe does, to test live mode against the simulators. */
  liveKey: 'sk_live_sandbox',
  webhookSecret: 'whsec_sandbox',
} as const

export const BITCOIN = {
  user: 'sandbox',
  /** Logs in to the main network, to test live mode against the simulators. */
  liveUser: 'sandbox-live',
  password: 'sandbox',
  /** m/84'/1'/0' and m/84'/0'/0' of the public seed "abandon … about" (BIP84's test vectors). */
  xpub: 'vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc',
  liveXpub:
    'zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs',
} as const
