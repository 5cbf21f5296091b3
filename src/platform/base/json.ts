type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
/** V8 passes a third reviver argument (source text access) that TypeScript's library does not declare yet. */
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown

/**
 * Parses JSON and returns each number as its source text, so that no digit is lost: `{"btc":9.10e-7}` → `{ btc: '9.10e-7' }`.
 * With `integers: 'numbers'`, safe integers stay numbers. Throws SyntaxError.
 */
export const parseExactJson = (text: string, { integers = 'text' }: { integers?: 'text' | 'numbers' } = {}): unknown =>
  parse(text, (_, value, { source }) => {
    if (typeof value !== 'number') return value
    return integers === 'numbers' && Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '') ? value : source
  })

/** Positive decimal with bounded digits and exponent. A longer number is no price and would slow down the arithmetic. */
const DECIMAL = /^(?=[\d.]*[1-9])\d{1,30}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,2})?$/

/** Returns whether a value is the text of a decimal number above zero, such as `67187.33` or `9.1e-7`. */
export const isDecimal = (value: unknown): value is string => typeof value === 'string' && DECIMAL.test(value)
