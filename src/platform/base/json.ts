type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
/** The third argument (source text access) is in V8 and not yet in TypeScript's library. */
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown

/**
 * Reads JSON with every number as the text that stood there, so that no digit is lost: `{"btc":9.10e-7}` → `{ btc: '9.10e-7' }`.
 * `wholes: 'numbers'`: whole numbers that a number holds exactly stay numbers. Throws SyntaxError.
 */
export const parseExactJson = (text: string, { wholes = 'text' }: { wholes?: 'text' | 'numbers' } = {}): unknown =>
  parse(text, (_, value, { source }) => {
    if (typeof value !== 'number') return value
    return wholes === 'numbers' && Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '') ? value : source
  })

/** Digits and an exponent within bounds: what is longer is no price, and would cost time to work with. Not zero. */
const DECIMAL = /^(?=[\d.]*[1-9])\d{1,30}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,2})?$/

/** Whether a value is the text of a decimal number above zero, such as `67187.33` or `9.1e-7`. */
export const isDecimal = (value: unknown): value is string => typeof value === 'string' && DECIMAL.test(value)
