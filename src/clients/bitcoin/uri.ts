import { btcText, satsOf } from './amounts.ts'

export interface PaymentRequest {
  readonly address: string
  readonly sats?: bigint | undefined
  /** Name of the payee. */
  readonly label?: string | undefined
  /** Description of the purchase. */
  readonly message?: string | undefined
}

/** Formats a BIP21 URI with the amount as an exact decimal: `bitcoin:bc1q…?amount=0.00012345&label=Shop`. */
export function formatPaymentUri({ address, sats, label, message }: PaymentRequest): string {
  const given = { amount: sats === undefined ? undefined : btcText(sats), label, message }
  const fields = Object.entries(given).flatMap(([name, value]) =>
    value ? [`${name}=${encodeURIComponent(value)}`] : [],
  )
  return `bitcoin:${address}${fields.length > 0 ? `?${fields.join('&')}` : ''}`
}

/** Returns the URI for a QR code. Scheme and bech32 address in upper case make a smaller code that scans more easily. Parameters stay unchanged. */
export const qrTextOf = (uri: string): string =>
  uri.replace(/^bitcoin:(?:bc1|tb1|bcrt1)[a-z0-9]+/, (start) => start.toUpperCase())

/** Parses a BIP21 URI. Ignores unknown parameters. An unknown required parameter (`req-…`) is a problem: such a URI must not be paid. */
export function parsePaymentUri(text: string): PaymentRequest | { problem: string } {
  const match = /^bitcoin:([a-zA-Z0-9]{14,100})(?:\?(.*))?$/is.exec(text)
  if (!match?.[1]) return { problem: 'must start with bitcoin: and an address' }
  const fields = new Map<string, string>()
  for (const [name, value] of new URLSearchParams((match[2] ?? '').replaceAll('+', '%2B'))) {
    const key = name.toLowerCase()
    if (key.startsWith('req-')) return { problem: `asks for ${key}, which is not supported` }
    if (fields.has(key)) return { problem: `names ${key} twice` }
    fields.set(key, value)
  }
  const amount = fields.get('amount')
  if (amount !== undefined && !/^\d+(\.\d{1,8})?$/.test(amount)) return { problem: 'amount must be a decimal of BTC' }
  const address = /^(bc1|tb1|bcrt1)/i.test(match[1]) ? match[1].toLowerCase() : match[1]
  try {
    const sats = amount === undefined ? undefined : satsOf(amount)
    return { address, sats, label: fields.get('label'), message: fields.get('message') }
  } catch {
    return { problem: 'amount is more than 21 million BTC' }
  }
}
