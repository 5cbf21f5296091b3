import { z } from 'zod'
import { addMs, type Clock } from '#platform/base/clock'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import { makeToken, readToken } from '../bearer.ts'
import { phoneOf } from '../phone/phones.ts'
import type { Prompts } from '../phone/prompts.ts'
import type { Prompt } from '../phone/store.ts'

export const AIRTEL = {
  clientId: 'sandbox-airtel-client',
  clientSecret: 'sandbox-airtel-secret',
  callbackKey: 'sandbox-airtel-callback-key',
} as const

const ROOT = '/sandbox/airtel'
/** Token lifetime that Airtel states. */
const TOKEN_SECONDS = 180

const tokenBody = z.object({
  client_id: z.string(),
  client_secret: z.string(),
  grant_type: z.literal('client_credentials'),
})
const payBody = z.object({
  reference: z.string().min(4).max(64),
  subscriber: z.object({
    country: z.literal('KE'),
    currency: z.literal('KES'),
    /** Number without the country code. */
    msisdn: z.string().regex(/^[17]\d{8}$/),
  }),
  transaction: z.object({
    amount: z.number().int().min(1).max(150_000),
    country: z.literal('KE'),
    currency: z.literal('KES'),
    id: z.string().regex(/^[A-Za-z0-9]{4,80}$/),
  }),
})
const params = z.object({ id: z.string().max(80) })
const time = z.coerce
  .number()
  .int()
  .min(0)
  .transform((ms) => new Date(ms))
const summaryQuery = z.object({
  from: time,
  to: time,
  limit: z.coerce.number().int().min(1).max(100).default(100),
  offset: z.coerce.number().int().min(0).default(0),
})

/** A phone's result as Airtel's status, code and message (developers.airtel.africa, collection APIs, error codes). */
const RESULTS: Readonly<Record<string, readonly [status: string, code: string, message: string]>> = {
  0: ['TS', 'DP00800001001', 'Paid'],
  1: ['TF', 'DP00800001007', 'You have insufficient balance'],
  1032: ['TF', 'DP00800001008', 'Transaction refused by the subscriber'],
  1037: ['TF', 'DP00800001024', 'Transaction timed out'],
}
const IN_PROGRESS = ['TIP', 'DP00800001006', 'Transaction in progress'] as const

export const resultOf = ({ resultCode }: Prompt): readonly [status: string, code: string, message: string] =>
  RESULTS[resultCode ?? ''] ?? IN_PROGRESS

export interface AirtelApi {
  clock: Clock
  prompts: Prompts
  /** Sends the callback of a prompt immediately. */
  sendCallback: (prompt: Prompt) => Promise<void>
}

/** Serves Airtel Money's collection API. */
export function addAirtelApi(app: HttpServer, { clock, prompts, sendCallback }: AirtelApi): void {
  const hide = { hide: true }
  const config = { provider: 'airtel' }
  app.post(`${ROOT}/auth/oauth2/token`, { schema: hide }, (request, reply) => {
    const parsed = tokenBody.safeParse(request.body)
    const known = parsed.data?.client_id === AIRTEL.clientId && parsed.data.client_secret === AIRTEL.clientSecret
    if (!known)
      return reply.status(401).send({ error: 'invalid_client', error_description: 'Invalid client credentials' })
    const token = makeToken(AIRTEL.clientSecret, addMs(clock.now(), TOKEN_SECONDS * 1000))
    return reply.send({ access_token: token, expires_in: String(TOKEN_SECONDS), token_type: 'bearer' })
  })

  for (const url of [`${ROOT}/merchant/v1/payments`, `${ROOT}/merchant/v1/payments/`]) {
    app.post(url, { config, schema: hide }, async (request, reply) => {
      if (!isAdmitted(request, clock)) return unauthorized(reply)
      const parsed = payBody.safeParse(request.body)
      if (!parsed.success) {
        const field = parsed.error.issues[0]?.path.join('.') ?? 'body'
        return refuse(reply, 400, 'DP00800001004', `Invalid ${field}`)
      }
      const { subscriber, transaction, reference } = parsed.data
      const prompt = await prompts.show('airtel', {
        id: transaction.id,
        merchantRequestId: transaction.id,
        phone: `254${subscriber.msisdn}`,
        shillings: BigInt(transaction.amount),
        accountReference: reference,
        description: '',
        callbackUrl: '',
      })
      if (!prompt) return refuse(reply, 400, 'DP00800001017', 'Duplicate transaction id')
      const { answer } = phoneOf(prompt.phone)
      if (answer === 'after-callback') await sendCallback(prompt)
      if (answer === 'cut') {
        reply.hijack()
        request.raw.socket.destroy()
        return reply
      }
      return reply.send({
        data: { transaction: { id: transaction.id, status: 'SUCCESS' } },
        status: renderStatus('DP00800001006', 'SUCCESS', true),
      })
    })
  }

  app.get(`${ROOT}/standard/v1/payments/:id`, { config, schema: { ...hide, params } }, async (request, reply) => {
    if (!isAdmitted(request, clock)) return unauthorized(reply)
    const prompt = await prompts.findCurrent(request.params.id)
    if (prompt?.network !== 'airtel') return refuse(reply, 200, 'DP00800001025', 'Transaction not found')
    const isBlind = clock.now() < addMs(prompt.createdAt, phoneOf(prompt.phone).queryBlindMs)
    const [status, code, message] = isBlind ? IN_PROGRESS : resultOf(prompt)
    const money = prompt.receiptNumber !== null && !isBlind ? { airtel_money_id: prompt.receiptNumber } : {}
    return reply.send({
      data: { transaction: { ...money, id: prompt.id, message, status } },
      status: renderStatus(code, 'SUCCESS', true),
    })
  })

  const listSchema = { ...hide, querystring: summaryQuery }
  app.get(`${ROOT}/merchant/v1/transactions`, { config, schema: listSchema }, async (request, reply) => {
    if (!isAdmitted(request, clock)) return unauthorized(reply)
    const transactions = (await prompts.listPaid({ network: 'airtel', ...request.query })).map(renderSummary)
    const data = { count: transactions.length, transactions }
    return reply.send({ data, status: renderStatus('DP00800001001', 'SUCCESS', true) })
  })
}

/** Renders a transaction as Transactions Summary does: `id` is Airtel's own id. */
const renderSummary = (prompt: Prompt): object => ({
  charges: { service: '0' },
  payee: { currency: 'KES', msisdn: '700000000', name: 'Purser sandbox' },
  payer: { currency: 'KES', msisdn: prompt.phone.slice(3), name: 'Sandbox payer' },
  service: { type: 'MERCHPAY' },
  transaction: {
    airtel_money_id: prompt.receiptNumber,
    amount: String(prompt.paidShillings ?? 0n),
    created_at: prompt.decidedAt?.getTime(),
    id: prompt.createdAt.getTime(),
    reference_number: prompt.accountReference,
    status: 'TS',
  },
})

const renderStatus = (code: string, message: string, success: boolean): object => ({
  response_code: code,
  code: success ? '200' : '400',
  success,
  result_code: success ? 'ESB000010' : 'ESB000008',
  message,
})

const refuse = (reply: Reply, http: number, code: string, message: string): Reply =>
  reply.status(http).send({ data: {}, status: renderStatus(code, message, false) })

const unauthorized = (reply: Reply): Reply =>
  reply.status(401).send({ error: 'invalid_token', error_description: 'The access token is invalid or has expired' })

const isAdmitted = ({ headers }: Request, clock: Clock): boolean =>
  readToken(AIRTEL.clientSecret, headers.authorization, clock.now()) &&
  headers['x-country'] === 'KE' &&
  headers['x-currency'] === 'KES'
