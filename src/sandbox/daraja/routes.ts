import { z } from 'zod'
import { addMs } from '#platform/base/clock'
import { invariant } from '#platform/base/errors'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import { MPESA } from '../credentials.ts'
import { DELIVERY_REFUSED } from '../deliver.ts'
import { isBasic, makeToken, passwordOf, TOKEN_SECONDS } from './auth.ts'
import { phoneOf, RESULTS } from '../phone/phones.ts'
import { callbackBody, checkoutRequestId, digits } from './callback.ts'
import type { Prompt } from '../phone/store.ts'
import { cut, digitsOf, readBody, refuse, wholeNumber, type DarajaDeps } from './wire.ts'

const text = (max: number) => z.string().min(1).max(max)

const credentials = { BusinessShortCode: digitsOf, Password: z.string(), Timestamp: z.string().regex(/^\d{14}$/) }
const pushBody = z.object({
  ...credentials,
  TransactionType: z.enum(['CustomerPayBillOnline', 'CustomerBuyGoodsOnline']),
  Amount: wholeNumber.refine((amount) => amount >= 1n && amount <= 150_000n),
  PartyA: digitsOf,
  PartyB: digitsOf,
  PhoneNumber: digitsOf.pipe(z.string().regex(/^254[17]\d{8}$/)),
  CallBackURL: z.url({ protocol: /^https?$/ }),
  AccountReference: text(12),
  TransactionDesc: text(13),
})
const queryBody = z.object({ ...credentials, CheckoutRequestID: z.string() })

/** Serves the Daraja API with its own checks and messages. */
export function addDarajaRoutes(app: HttpServer, deps: DarajaDeps): void {
  const { clock } = deps
  const hide = { hide: true }

  app.get('/sandbox/daraja/oauth/v1/generate', { schema: hide }, async (request, reply) => {
    if (!isBasic(request.headers.authorization))
      return refuse(deps, reply, 400, '400.008.01', 'Invalid Authentication passed')
    return reply.send({ access_token: makeToken(clock.now()), expires_in: String(TOKEN_SECONDS) })
  })

  app.post(
    '/sandbox/daraja/mpesa/stkpush/v1/processrequest',
    { config: { provider: 'daraja' }, schema: hide },
    async (request, reply) => {
      const body = await admit(deps, request, reply, pushBody)
      if (!body) return reply
      if (body.PartyA !== body.PhoneNumber)
        return refuse(deps, reply, 400, '400.002.02', 'Bad Request - Invalid PartyA')
      if (!deps.deliver.accepts(body.CallBackURL)) {
        return refuse(deps, reply, 400, '400.002.02', `Bad Request - Invalid CallBackURL: ${DELIVERY_REFUSED}`)
      }
      const { ids } = deps
      const prompt = await deps.prompts.show('mpesa', {
        id: checkoutRequestId(ids, clock.now()),
        merchantRequestId: `${digits(ids, 5)}-${digits(ids, 8)}-1`,
        phone: body.PhoneNumber,
        shillings: body.Amount,
        accountReference: body.AccountReference,
        description: body.TransactionDesc,
        callbackUrl: body.CallBackURL,
      })
      invariant(prompt, 'an id of a prompt is new')
      const { answer } = phoneOf(prompt.phone)
      if (answer === 'after-callback') await deps.deliver.callback(prompt.callbackUrl, callbackBody(prompt))
      if (answer === 'cut') return cut(request, reply)
      return reply.send({
        MerchantRequestID: prompt.merchantRequestId,
        CheckoutRequestID: prompt.id,
        ResponseCode: '0',
        ResponseDescription: 'Success. Request accepted for processing',
        CustomerMessage: 'Success. Request accepted for processing',
      })
    },
  )

  app.post(
    '/sandbox/daraja/mpesa/stkpushquery/v1/query',
    { config: { provider: 'daraja' }, schema: hide },
    async (request, reply) => {
      const body = await admit(deps, request, reply, queryBody)
      if (!body) return reply
      const prompt = await deps.prompts.findCurrent(body.CheckoutRequestID)
      if (!prompt) return refuse(deps, reply, 400, '400.002.02', 'Bad Request - Invalid CheckoutRequestID')
      if (clock.now() < addMs(prompt.createdAt, phoneOf(prompt.phone).queryBlindMs)) {
        return refuse(deps, reply, 500, '500.001.1001', 'The transaction is being processed')
      }
      return reply.send(queryAnswer(prompt))
    },
  )
}

function queryAnswer(prompt: Prompt): object {
  const code = prompt.resultCode ?? '4999'
  return {
    ResponseCode: '0',
    ResponseDescription: 'The service request has been accepted successsfully',
    MerchantRequestID: prompt.merchantRequestId,
    CheckoutRequestID: prompt.id,
    ResultCode: code,
    ResultDesc: RESULTS[code] ?? 'Unknown',
  }
}

/** Returns the body when token, format and password are valid. Otherwise sends the error and returns undefined. */
async function admit<T extends { BusinessShortCode: string; Password: string; Timestamp: string }>(
  deps: DarajaDeps,
  request: Request,
  reply: Reply,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const body = await readBody(deps, request, reply, schema)
  if (!body) return undefined
  const { BusinessShortCode, Password, Timestamp } = body
  if (BusinessShortCode !== MPESA.shortcode || Password !== passwordOf(Timestamp)) {
    await refuse(deps, reply, 500, '500.001.1001', '[MerchantValidate] - Wrong credentials')
    return undefined
  }
  return body
}
