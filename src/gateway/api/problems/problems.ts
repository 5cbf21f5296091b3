import type { Refusal } from '#platform/web/http'
import { BALANCE_PROBLEMS } from './balance-problems.ts'
import { CASE_PROBLEMS } from './case-problems.ts'
import type { Problem } from './problem.ts'
import { REFUND_PROBLEMS } from './refund-problems.ts'

const all = [
  {
    code: 'invalid-json',
    status: 400,
    message: 'The body is not valid JSON. Check its quotes, commas and brackets.',
    remedy: 'Send one JSON object, encoded as UTF-8. Use a JSON library to write it.',
  },
  {
    code: 'bad-request',
    status: 400,
    message: 'This is not a valid HTTP request.',
    remedy: 'Check the percent signs in the path, Content-Length, and any proxy between you and the server.',
  },
  {
    code: 'unauthorized',
    status: 401,
    message: 'This API key is not valid. Check that it was copied completely.',
    remedy:
      'Send Authorization: Bearer sk_…. Keys that begin with sk_test_ work in sandbox and test mode, keys that begin with sk_live_ in live mode. Replace an expired or revoked key with: npx purser key create, or npx purser key rotate.',
  },
  {
    code: 'forbidden',
    status: 403,
    message: 'This API key lacks the scope payments:write. Use one that has it.',
    remedy: 'Use a key with the scope in the message. Scopes are set when a key is created.',
  },
  {
    code: 'not-found',
    status: 404,
    message: 'This path does not exist. Check the path and the id in it.',
    remedy: 'Compare the path with the API reference.',
  },
  {
    code: 'payments.not-found',
    status: 404,
    message: 'There is no such payment. Check its id.',
    param: 'id',
    remedy: 'Check the id. Payments of other merchants are not visible to your key.',
  },
  {
    code: 'payments.no-such-refund',
    status: 404,
    message: 'There is no refund re_01kd3vq7m2e8wtzr4c9x5bnh6f.',
    param: 'id',
    remedy: 'Check the id. Refunds of other merchants are not visible to your key.',
  },
  {
    code: 'payments.no-such-case',
    status: 404,
    message: 'There is no case rec_01kd3vq7m2e8wtzr4c9x5bnh6f. List them: npx purser reconcile cases --all',
    param: 'id',
    remedy: 'Check the id.',
  },
  {
    code: 'payments.no-such-webhook',
    status: 404,
    message: 'There is no webhook at this URL. Check the rail’s name and that the rail is configured.',
    remedy: 'For providers: the rail is unknown, or off because its credentials are not set.',
  },
  {
    code: 'payments.callback-refused',
    status: 401,
    message: 'The callback was refused.',
    remedy:
      'For providers: the token in the path, the signature or the format is wrong. Nothing changed, and a security event was logged.',
  },
  {
    code: 'identity.unknown-store',
    status: 404,
    message: 'There is no store sto_01kd3vq7m2e8wtzr4c9x5bnh6f. See: npx purser store list',
    param: 'store',
    remedy:
      'Check the id. Stores of other merchants are not visible to your key. The key of one store sees that store only.',
  },
  {
    code: 'gateway.no-such-link',
    status: 404,
    message: 'There is no payment link lnk_01kd3vq7m2e8wtzr4c9x5bnh6f.',
    param: 'id',
    remedy: 'Check the id. Links of other merchants are not visible to your key.',
  },
  {
    code: 'webhooks.no-such-endpoint',
    status: 404,
    message: 'There is no webhook endpoint we_01kd3vq7m2e8wtzr4c9x5bnh6f.',
    param: 'id',
    remedy: 'Check the id. Deleted endpoints and those of other merchants are not visible to your key.',
  },
  {
    code: 'webhooks.no-such-delivery',
    status: 404,
    message: 'There is no delivery del_01kd3vq7m2e8wtzr4c9x5bnh6f.',
    param: 'id',
    remedy: 'Check the id. Deliveries are kept for 30 days.',
  },
  {
    code: 'method-not-allowed',
    status: 405,
    message: 'This path does not accept PUT. Use GET, POST.',
    remedy: 'Use one of the methods in the Allow header.',
  },
  {
    code: 'request-timeout',
    status: 408,
    message: 'The request did not arrive within the time limit. Send it again.',
    remedy: 'Send it again, with the same Idempotency-Key.',
  },
  {
    code: 'identity.store-archived',
    status: 409,
    message: 'The store sto_01kd3vq7m2e8wtzr4c9x5bnh6f is archived: restore it first.',
    param: 'store',
    remedy: 'An archived store accepts nothing new. Run npx purser store restore, or name another store.',
  },
  {
    code: 'idempotency-key-reused',
    status: 409,
    message: 'This Idempotency-Key was used for another request. Use a new key for a new payment.',
    remedy: 'Each key belongs to one request. Generate a new key, such as a UUID, for each new request.',
  },
  {
    code: 'idempotency-in-progress',
    status: 409,
    message: 'The first request with this Idempotency-Key is still running. Retry with the same key.',
    remedy:
      'Wait for Retry-After seconds and send the same request with the same key. It returns the response of the first request.',
  },
  {
    code: 'payments.already-paid',
    status: 409,
    message: 'The payment is paid already. Nothing is left to pay.',
    remedy: 'Nothing is left to pay or to cancel. Retrieve the payment to see the money that arrived.',
  },
  {
    code: 'payments.over',
    status: 409,
    message: 'The payment is expired; no attempt can start on it. Create a new payment.',
    remedy:
      'The payment is expired, canceled, failed or reversed. Create a new one. Money that still arrives is credited to the old payment, with flags.late.',
  },
  {
    code: 'payments.attempt-in-flight',
    status: 409,
    message: 'An attempt is already in progress. Wait until it ends.',
    remedy:
      'A prompt is on the payer’s phone, or a receipt is not final yet. Another attempt could charge the payer twice, and canceling could charge for nothing. Retry after Retry-After seconds: a prompt ends within three minutes.',
  },
  {
    code: 'payments.page-open',
    status: 409,
    message:
      'A page of the method crossmint is open, and its provider has not closed it. Finish the payment there, or try again in 15 seconds.',
    remedy:
      'The payer can still pay on the page that was opened first. A card page is closed at the provider when another attempt starts. If a provider cannot close its page, let the payer finish there or create a new payment.',
  },
  {
    code: 'payments.too-many-attempts',
    status: 409,
    message: 'A payment can have 10 attempts. Create a new payment.',
    remedy: 'Create a new payment.',
  },
  ...REFUND_PROBLEMS,
  ...BALANCE_PROBLEMS,
  ...CASE_PROBLEMS,
  {
    code: 'payments.case-over',
    status: 409,
    message: 'The case rec_01kd3vq7m2e8wtzr4c9x5bnh6f is closed already, so it cannot be changed.',
    remedy: 'An operator closed the case, or a later comparison of its day found no difference.',
  },
  {
    code: 'webhooks.too-many-endpoints',
    status: 409,
    message: 'A merchant can have 10 webhook endpoints: delete one first.',
    remedy: 'Delete an unused endpoint, or subscribe an existing one to more events.',
  },
  {
    code: 'webhooks.too-many-secrets',
    status: 409,
    message: '5 secrets of this endpoint are still valid: wait until one expires before creating another.',
    remedy: 'Each rotation keeps the previous secret valid for the overlap. Wait, or rotate with a shorter overlap.',
  },
  {
    code: 'webhooks.endpoint-disabled',
    status: 409,
    message: 'The endpoint we_01kd3vq7m2e8wtzr4c9x5bnh6f is disabled: enable it first.',
    remedy: 'Send PATCH with {"enabled": true}, then try again.',
  },
  {
    code: 'identity.too-many-stores',
    status: 409,
    message: 'A merchant can have at most 200 stores. Change an existing store instead.',
    remedy: 'Use an existing store. An archived store can be restored and renamed.',
  },
  {
    code: 'body-too-large',
    status: 413,
    message: 'The body is too large. Send a smaller one.',
    remedy: 'A body may have at most 64 kB.',
  },
  {
    code: 'unsupported-media-type',
    status: 415,
    message: 'Send the body as JSON, with Content-Type: application/json.',
    remedy: 'Set Content-Type: application/json, and send JSON.',
  },
  {
    code: 'validation-failed',
    status: 422,
    message: 'amount must be a positive decimal string such as "1500.00"',
    param: 'amount',
    remedy: 'param names the field, message says what it must be. Correct the request before you send it again.',
  },
  {
    code: 'identity.bad-input',
    status: 422,
    message: 'green is not a colour: write it as #0b6b4f.',
    param: 'colour',
    remedy: 'param names the field, message says what it must be.',
  },
  {
    code: 'identity.bad-origin',
    status: 422,
    message: 'https://shop.example/thanks cannot be a return origin: leave out what follows https://shop.example.',
    param: 'origin',
    remedy: 'Send only scheme, host and port. Live mode requires https.',
  },
  {
    code: 'payments.method-not-allowed',
    status: 422,
    message: 'This payment cannot be paid by card; choose mpesa.',
    param: 'method',
    remedy: 'Choose one of the payment’s methods.',
  },
  {
    code: 'payments.amount-not-taken',
    status: 422,
    message: 'mpesa cannot collect the amount due: KES 0.50 is below its minimum of KES 1.00. Choose another method.',
    param: 'method',
    remedy: 'Choose another method for the amount due.',
  },
  {
    code: 'payments.payer-incomplete',
    status: 422,
    message: 'mpesa needs the payer’s phone. Send it with the attempt.',
    param: 'phone',
    remedy: 'Send the field in the message.',
  },
  {
    code: 'payments.bad-phone',
    status: 422,
    message: 'The phone number is not a Kenyan mobile number. Write it like 0712 345 678 or +254712345678.',
    param: 'phone',
    remedy: 'Send a mobile number of the country in the message, with or without the country code.',
  },
  {
    code: 'rates.unknown-pair',
    status: 422,
    message: 'No source has a price for BTC/XTR.',
    param: 'base',
    remedy: 'Request currencies that have a market price, or ask the operator to set a fixed rate (RATES_FIXED).',
  },
  {
    code: 'payments.bad-cursor',
    status: 422,
    message: 'The cursor is invalid. Use next_cursor from the previous page.',
    param: 'cursor',
    remedy: 'Send next_cursor unchanged, with the same filters.',
  },
  {
    code: 'webhooks.bad-url',
    status: 422,
    message: 'url must not point to a private or local address.',
    param: 'url',
    remedy: 'Send a public https URL. Only the sandbox accepts http and addresses of its own machine.',
  },
  {
    code: 'rate-limited',
    status: 429,
    message: 'This API key may make 60000 requests a minute: wait 12 s and try again.',
    remedy: 'Wait for Retry-After seconds. The header RateLimit-Remaining shows how many requests are left.',
  },
  {
    code: 'gateway.export-running',
    status: 429,
    message: 'An export of this merchant is already running: wait until it ends, or cancel it.',
    remedy: 'A merchant can run one export at a time. Wait until it ends, or close its connection.',
  },
  {
    code: 'payments.too-many-prompts',
    status: 429,
    message: 'This phone received too many prompts. Wait before you send another prompt.',
    param: 'phone',
    remedy: 'Public pages send a phone at most three prompts in ten minutes. Wait for Retry-After seconds.',
  },
  {
    code: 'payments.too-many-declines',
    status: 429,
    message: 'This payment was declined too often. Wait before trying again.',
    remedy: 'Wait for Retry-After seconds, or create a new payment.',
  },
  {
    code: 'headers-too-large',
    status: 431,
    message: 'The headers are too large. Send fewer or shorter headers.',
    remedy: 'Send fewer or shorter headers; cookies have no place here.',
  },
  {
    code: 'internal',
    status: 500,
    message: 'Purser had an internal error. Give the request id to support.',
    remedy:
      'Send it again with the same Idempotency-Key: nothing is done twice. If the error persists, send request_id to the operator of this server.',
  },
  {
    code: 'payments.method-unavailable',
    status: 503,
    message: 'mpesa is unavailable now. Choose another method, or try again in a minute.',
    param: 'method',
    remedy: 'The method is off for now. Nothing was sent to the payer.',
  },
  {
    code: 'payments.too-many-followers',
    status: 503,
    message: 'Too many pages follow payments now. Read the payment instead.',
    remedy: 'Retrieve the payment every few seconds instead.',
  },
  {
    code: 'rates.unavailable',
    status: 503,
    message:
      'No rate for BTC/KES is at most 600 s old: CoinGecko cannot be reached since 2026-01-15T09:00:00.000Z; Coinbase asks for fewer requests since 2026-01-15T09:01:00.000Z; Kraken has no price for KES.',
    remedy:
      'Retry after Retry-After seconds. The message names each price source and its problem. An outdated price is never returned.',
  },
  {
    code: 'gateway.too-many-exports',
    status: 503,
    message: 'Too many exports are running: try again in a moment.',
    remedy: 'A hundred other merchants are exporting. Wait for Retry-After seconds.',
  },
  {
    code: 'gateway.too-many-streams',
    status: 503,
    message: 'Too many pages are open from this IP address. Close some of them.',
    remedy: 'For checkout pages: the page polls every few seconds instead.',
  },
  {
    code: 'platform.commit-unknown',
    status: 503,
    message:
      'Purser lost its database during the request and cannot tell whether the request was stored. Send it again with the same Idempotency-Key.',
    remedy:
      'Wait for Retry-After seconds and send the request again with the same Idempotency-Key: nothing is done twice. Without a key, read the object first.',
  },
  {
    code: 'unavailable',
    status: 503,
    message: 'Purser cannot reach its database. Try again soon.',
    remedy: 'Wait for Retry-After seconds and retry with the same Idempotency-Key. No request is left half done.',
  },
] as const satisfies readonly Problem[]

export type ProblemCode = (typeof all)[number]['code']

/** Every error of the API, sorted by HTTP status. */
export const PROBLEMS: readonly Problem[] = all.toSorted((a, b) => a.status - b.status)

/** Errors of every route that needs an API key. */
const COMMON = [
  'unauthorized',
  'forbidden',
  'validation-failed',
  'rate-limited',
  'unavailable',
  'platform.commit-unknown',
] as const
/** Errors of every route that accepts an Idempotency-Key. */
export const IDEMPOTENCY_CODES = ['idempotency-key-reused', 'idempotency-in-progress'] as const
/** Errors of every route that accepts a body. */
export const BODY_CODES = ['invalid-json', 'body-too-large', 'unsupported-media-type'] as const

/** Returns the errors of a route that needs no API key, for its documentation. */
export const publicRefusals = (...codes: readonly ProblemCode[]): readonly Refusal[] => {
  const wanted: ReadonlySet<string> = new Set([...codes, 'rate-limited', 'unavailable'])
  return PROBLEMS.filter(({ code }) => wanted.has(code))
}

/** Returns the errors of a route that needs an API key, for its documentation. */
export const refusals = (...codes: readonly ProblemCode[]): readonly Refusal[] => {
  const wanted: ReadonlySet<string> = new Set([...COMMON, ...codes])
  return PROBLEMS.filter(({ code }) => wanted.has(code))
}
