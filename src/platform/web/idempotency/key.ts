import { AppError } from '../../base/errors.ts'

const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/

/** Returns the Idempotency-Key of a request, if any. Throws 422 `validation-failed` when it is not 1 to 255 printable ASCII characters. */
export function idempotencyKeyOf(request: { readonly headers: Readonly<Record<string, unknown>> }): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && KEY.test(key)) return key
  throw new AppError(
    'validation-failed',
    422,
    'Idempotency-Key must have 1 to 255 printable ASCII characters, such as a UUID. Omit the header if you do not need it.',
    { param: 'Idempotency-Key' },
  )
}
