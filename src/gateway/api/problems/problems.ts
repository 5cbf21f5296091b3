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
    remedy: 'Send one JSON object, encoded as UTF-8. Let a JSON library write it.',
  },
  {
    code: 'bad-request',
    status: 400,
    message: 'This is not a valid HTTP request.',
    remedy: 'Check the path (percent signs), Content-Length and whatever proxy stands between.',
  },
  {
    code: 'unauthorized',
    status: 401,
    message: 'This API key is not valid. Check that it was copied completely.',
    remedy:
      'Send Authorization: Bearer sk_…. Keys that begin with sk_test_ work in the sandbox and test mode, those with sk_live_ in live mode. A key that expired or was revoked is replaced with: npx purser key create, or npx purser key rotate.',
  },
  {
    code: 'forbidden',
    status: 403,
    message: 'This API key lacks the scope payments:write. Use one that has it.',
    remedy: 'Use a key with the scope that the message names. Scopes are given when a key is made.',
  },
  {
    code: 'not-found',
    status: 404,
    message: 'This path does not exist. Check the path and the id in it.',
    remedy: 'Compare the path with the reference.',
  },
  {
    code: 'payments.not-found',
    status: 404,
    message: 'There is no such payment.',
    param: 'id',
    remedy: 'Check the id. A payment of another merchant does not exist for your key.',
  },
  {
    code: 'payments.no-such-refund',
    status: 404,
    message: 'There is no refund re_01kd3vq7m2e8wtzr4c9x5bnh6f.',
    param: 'id',
    remedy: 'Check the id. A refund of another merchant does not exist for your key.',
  },
  {
    code: 'payments.no-such-case',
    status: 404,
    message: 'There is no case rec_01kd3vq7m2e8wtzr4c9x5bnh6f.',
    param: 'id',
    remedy: 'Check the id.',
  },
  {
    code: 'payments.no-such-webhook',
    status: 404,
    message: 'There is no webhook at this address.',
    remedy: 'For providers: the rail is unknown, or switched off because its keys are not set.',
  },
  {
    code: 'payments.callback-refused',
    status: 401,
    message: 'The callback was refused.',
    remedy:
      'For providers: the token in the path, the signature or the form is wrong. Nothing was changed; a security event was logged.',
  },
  {
    code: 'identity.unknown-store',
    status: 404,
    message: 'There is no store sto_01kd3vq7m2e8wtzr4c9x5bnh6f. See: npx purser store list',
    param: 'store',
    remedy:
      'Check the id. A store of another merchant does not exist for your key, nor another store for the key of one.',
  },
  {
    code: 'gateway.no-such-link',
    status: 404,
    message: 'There is no payment link lnk_01kd3vq7m2e8wtzr4c9x5bnh6f.',
    param: 'id',
    remedy: 'Check the id. A link of another merchant does not exist for your key.',
  },
  {
    code: 'webhooks.no-such-endpoint',
    status: 404,
    message: 'There is no webhook endpoint we_01kd3vq7m2e8wtzr4c9x5bnh6f.',
    param: 'id',
    remedy: 'Check the id. An endpoint that was deleted, or is of another merchant, does not exist for your key.',
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
    remedy: 'Use one of the methods that the Allow header names.',
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
    remedy: 'Nothing new is made in an archived store: npx purser store restore, or name another.',
  },
  {
    code: 'idempotency-key-reused',
    status: 409,
    message: 'This Idempotency-Key was used for another request. Use a new key for a new payment.',
    remedy: 'A key stands for one request. Make a new one, such as a UUID, for each thing that you want done once.',
  },
  {
    code: 'idempotency-in-progress',
    status: 409,
    message: 'The first request with this Idempotency-Key is still running. Retry with the same key.',
    remedy:
      'Wait for Retry-After seconds and send the same request with the same key: you get the answer of the first.',
  },
  {
    code: 'payments.already-paid',
    status: 409,
    message: 'The payment is paid already.',
    remedy: 'Nothing is left to pay or to cancel. Look the payment up to see what arrived.',
  },
  {
    code: 'payments.over',
    status: 409,
    message: 'The payment is expired; nothing can be started on it. Create a new payment.',
    remedy:
      'It is expired, canceled, failed or reversed. Create a new payment. Money that still arrives is credited to this one, with flags.late.',
  },
  {
    code: 'payments.attempt-in-flight',
    status: 409,
    message: 'A payment is under way already. Wait until it ends.',
    remedy:
      'A prompt is on the payer’s phone, or money was seen that is not final. Another attempt, or canceling, could make the payer pay twice or for nothing. Try again after Retry-After seconds: a prompt ends within three minutes.',
  },
  {
    code: 'payments.page-open',
    status: 409,
    message:
      'A page of the method crossmint is open, and its provider has not closed it. Finish the payment there, or try again in some seconds.',
    remedy:
      'The payer can still pay on the page that was opened first. Cards are closed at the provider by themselves when another attempt starts; where a provider cannot close its page, let the payer finish there or create a new payment.',
  },
  {
    code: 'payments.too-many-attempts',
    status: 409,
    message: 'A payment can be tried 10 times. Create a new payment.',
    remedy: 'Create a new payment.',
  },
  ...REFUND_PROBLEMS,
  ...BALANCE_PROBLEMS,
  ...CASE_PROBLEMS,
  {
    code: 'payments.case-over',
    status: 409,
    message: 'The case rec_01kd3vq7m2e8wtzr4c9x5bnh6f is closed already.',
    remedy: 'A person closed it, or nothing differed any more when its day was compared again.',
  },
  {
    code: 'webhooks.too-many-endpoints',
    status: 409,
    message: 'A merchant can have 10 webhook endpoints: delete one first.',
    remedy: 'Delete an endpoint that is not used, or let one take more events.',
  },
  {
    code: 'webhooks.too-many-secrets',
    status: 409,
    message: '5 secrets of this endpoint are still good: wait until one has ended before making another.',
    remedy:
      'Each rotation leaves the secret before it in force for its overlap. Wait, or rotate with a shorter overlap.',
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
    message: 'A merchant can have 200 stores.',
    remedy: 'Use one of the stores that are there; an archived one can be restored and renamed.',
  },
  {
    code: 'body-too-large',
    status: 413,
    message: 'The body is too large. Send a smaller one.',
    remedy: 'A body has 64 kB at most.',
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
    remedy: 'param names the field, message says what it must be. The same request will always be refused: correct it.',
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
    remedy: 'Give scheme, host and port alone; https in live mode.',
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
    message: 'mpesa cannot take what is due: KES 0.50 is below its smallest, KES 1.00.',
    param: 'method',
    remedy: 'Choose another method for what is due.',
  },
  {
    code: 'payments.payer-incomplete',
    status: 422,
    message: 'mpesa needs the payer’s phone.',
    param: 'phone',
    remedy: 'Send the field that the message names.',
  },
  {
    code: 'payments.bad-phone',
    status: 422,
    message: 'The phone number is not a Kenyan mobile number. Write it like 0712 345 678 or +254712345678.',
    param: 'phone',
    remedy: 'Send a mobile number of the country that the message names, with or without the country code.',
  },
  {
    code: 'rates.unknown-pair',
    status: 422,
    message: 'No source gives a price for BTC/XTR.',
    param: 'base',
    remedy: 'Ask for a pair of currencies that have a market price, or have a fixed rate set (RATES_FIXED).',
  },
  {
    code: 'payments.bad-cursor',
    status: 422,
    message: 'The cursor is not one of ours. Take next_cursor from the page before.',
    param: 'cursor',
    remedy: 'Send next_cursor as it came, with the same filters.',
  },
  {
    code: 'webhooks.bad-url',
    status: 422,
    message: 'url must not point to a private or local address.',
    param: 'url',
    remedy: 'Give a public https address. Only the sandbox takes http, and addresses of its own machine.',
  },
  {
    code: 'rate-limited',
    status: 429,
    message: 'This API key may make 60000 requests a minute: wait 12 s and try again.',
    remedy: 'Wait for Retry-After seconds. RateLimit-Remaining tells beforehand how many are left.',
  },
  {
    code: 'gateway.export-running',
    status: 429,
    message: 'An export of this merchant is running already: wait until it has ended, or end it.',
    remedy: 'One export at a time: wait until the one that runs has ended, or close its connection.',
  },
  {
    code: 'payments.too-many-prompts',
    status: 429,
    message: 'This phone was asked too often. Wait before asking it again.',
    param: 'phone',
    remedy: 'A phone is prompted three times in ten minutes from public pages. Wait for Retry-After seconds.',
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
      'Send it again with the same Idempotency-Key: nothing is done twice. If it stays, give request_id to whoever runs this server.',
  },
  {
    code: 'payments.method-unavailable',
    status: 503,
    message: 'mpesa cannot be used now. Try another method, or later.',
    param: 'method',
    remedy: 'The method is switched off for now. Nothing was sent to the payer.',
  },
  {
    code: 'payments.too-many-followers',
    status: 503,
    message: 'Too many pages follow payments now. Ask for the payment instead.',
    remedy: 'Ask for the payment every few seconds instead of following it.',
  },
  {
    code: 'rates.unavailable',
    status: 503,
    message:
      'No rate for BTC/KES is at most 600 s old: CoinGecko cannot be reached since 2026-01-15T09:00:00.000Z; Coinbase asks for fewer requests since 2026-01-15T09:01:00.000Z; Kraken does not give KES.',
    remedy:
      'Ask again after Retry-After seconds. The message names each price source and what is the matter with it; a price that is too old is never given.',
  },
  {
    code: 'gateway.too-many-exports',
    status: 503,
    message: 'Too many exports run now: try again in a moment.',
    remedy: 'A hundred other merchants are exporting. Wait for Retry-After seconds.',
  },
  {
    code: 'gateway.too-many-streams',
    status: 503,
    message: 'Too many pages are open at this address.',
    remedy: 'For checkout pages: the page asks every few seconds instead.',
  },
  {
    code: 'unavailable',
    status: 503,
    message: 'Purser cannot reach its database. Try again soon.',
    remedy: 'Wait for Retry-After seconds and send it again with the same Idempotency-Key: nothing is half done.',
  },
] as const satisfies readonly Problem[]

export type ProblemCode = (typeof all)[number]['code']

/** Every error that the API answers with, by status. */
export const PROBLEMS: readonly Problem[] = all.toSorted((a, b) => a.status - b.status)

/** What any route behind a key may answer. */
const COMMON = ['unauthorized', 'forbidden', 'validation-failed', 'rate-limited', 'unavailable'] as const
/** What any route that takes an Idempotency-Key may answer. */
export const IDEMPOTENCY_CODES = ['idempotency-key-reused', 'idempotency-in-progress'] as const
/** What any route that takes a body may answer. */
export const BODY_CODES = ['invalid-json', 'body-too-large', 'unsupported-media-type'] as const

/** What a route that needs no key may answer. */
export const publicRefusals = (...codes: readonly ProblemCode[]): readonly Refusal[] => {
  const wanted: ReadonlySet<string> = new Set([...codes, 'rate-limited', 'unavailable'])
  return PROBLEMS.filter(({ code }) => wanted.has(code))
}

/** The refusals of a route behind a key, for its documentation. */
export const refusals = (...codes: readonly ProblemCode[]): readonly Refusal[] => {
  const wanted: ReadonlySet<string> = new Set([...COMMON, ...codes])
  return PROBLEMS.filter(({ code }) => wanted.has(code))
}
