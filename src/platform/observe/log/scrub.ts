/**
 * Lines that may contain a secret. The fast test runs on every line; only matching lines are parsed and scrubbed. It is the last defence
 * (secrets are `Secret`, headers pass an allow-list), for a provider's body in an error, a token in a path or a password in a database
 * URL. The pattern of a route (`/webhook/:rail/:token`) is no secret and must not match, because each of its log lines contains it.
 */
const SUSPECT =
  /passw|passphrase|secret|authorization|cookie|api_?-?key|passkey|private_?key|mnemonic|[^:]token"|signature|bearer|basic |[sr]k_(?:test|live)_|sk-arb|whsec_|[xyztuv]prv|\/webhook\/[a-z0-9]|:\/\/[^/\s"]*@/i
const SECRET_KEY =
  /passw(?:or)?d|passphrase|secret|authorization|cookie|api_?-?key|passkey|private_?key|mnemonic|token$|signature|^pin$|security_?credential/i

const HIDDEN = '[secret]'
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/\b([sr]k_(?:test|live)_|whsec_|sk-arb-)[A-Za-z0-9_+/=-]+/g, `$1${HIDDEN}`],
  [/\b([xyztuvYZUV]prv)[1-9A-HJ-NP-Za-km-z]{20,}/g, `$1${HIDDEN}`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${HIDDEN}`],
  [/(\/webhook\/[a-z0-9-]+\/)[^\s"?/]+/gi, `$1${HIDDEN}`],
  [/(:\/\/)[^/\s"@]*@/g, `$1${HIDDEN}@`],
  [/\b((?:password|passkey|secret|token|api_?key|signature)["']?\s*[=:]\s*["']?)[^\s"'&,;}]+/gi, `$1${HIDDEN}`],
]

const LINE_MAX = 32_768
const TEXT_MAX = 4_096

/** Removes secrets from a line and shortens it to about 32 kB. */
export function scrubLine(line: string): string {
  if (line.length <= LINE_MAX && !SUSPECT.test(line)) return line
  try {
    const text = JSON.stringify(scrubValue(JSON.parse(line)))
    return `${text.length <= LINE_MAX ? text : shorten(text)}\n`
  } catch {
    return `${JSON.stringify({ level: 'error', message: 'a log line was dropped because it could not be parsed for scrubbing' })}\n`
  }
}

/** Replaces each part of a text that looks like a secret, and cuts the text to 4096 characters. */
export const scrubText = (text: string): string =>
  TEXTS.reduce((all, [pattern, instead]) => all.replace(pattern, instead), text.slice(0, TEXT_MAX))

function scrubValue(value: unknown): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (Array.isArray(value)) return value.map(scrubValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, isSecret(key, one) ? HIDDEN : scrubValue(one)]),
  )
}

/** Returns whether a field holds a secret. Booleans and numbers do not: `signature: true`, `passwordChangedAt: 12`. */
const isSecret = (key: string, value: unknown): boolean =>
  SECRET_KEY.test(key) && value !== null && (typeof value === 'string' || typeof value === 'object')

function shorten(text: string): string {
  const { level, timestamp, service, module, message } = JSON.parse(text) as Record<string, unknown>
  return JSON.stringify({ level, timestamp, service, module, message, cut: text.length })
}
