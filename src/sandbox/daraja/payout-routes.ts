import { z } from 'zod'
import type { HttpServer } from '#platform/web/http'
import { MPESA } from '../credentials.ts'
import { DELIVERY_REFUSED } from '../deliver.ts'
import type { Payouts } from './payouts.ts'
import { receiverOf } from './receivers.ts'
import { cut, digitsOf, readBody, refuse, wholeNumber, type DarajaDeps } from './wire.ts'

const url = z.url({ protocol: /^https?$/ })
const words = z.string().min(1).max(100)
const payBody = z.object({
  OriginatorConversationID: words,
  InitiatorName: z.string(),
  SecurityCredential: z.string(),
  CommandID: z.enum(['BusinessPayment', 'SalaryPayment', 'PromotionPayment']),
  Amount: wholeNumber.refine((amount) => amount >= 10n && amount <= 150_000n),
  PartyA: digitsOf,
  PartyB: digitsOf.pipe(z.string().regex(/^254[17]\d{8}$/)),
  Remarks: words,
  QueueTimeOutURL: url,
  ResultURL: url,
  Occassion: words.optional(),
})
const statusBody = z.object({
  Initiator: z.string(),
  SecurityCredential: z.string(),
  CommandID: z.literal('TransactionStatusQuery'),
  OriginalConversationID: words,
  PartyA: digitsOf,
  IdentifierType: z.literal('4'),
  ResultURL: url,
  QueueTimeOutURL: url,
  Remarks: words,
  Occasion: words.optional(),
})

const isUser = (name: string, credential: string): boolean =>
  name === MPESA.initiator && credential === MPESA.securityCredential

/** Serves payouts to phones and their status queries, whose results are also sent later. */
export function addPayoutRoutes(app: HttpServer, deps: DarajaDeps & { readonly payouts: Payouts }): void {
  const { payouts, deliver } = deps
  const options = { config: { provider: 'daraja' }, schema: { hide: true } }

  app.post('/sandbox/daraja/mpesa/b2c/v3/paymentrequest', options, async (request, reply) => {
    const body = await readBody(deps, request, reply, payBody)
    if (!body) return reply
    if (!isUser(body.InitiatorName, body.SecurityCredential))
      return refuse(deps, reply, 400, '400.002.02', 'Bad Request - Invalid InitiatorName')
    const { OriginatorConversationID: id, PartyB: phone, ResultURL: resultUrl, QueueTimeOutURL: timeoutUrl } = body
    if (!deliver.accepts(resultUrl) || !deliver.accepts(timeoutUrl))
      return refuse(deps, reply, 400, '400.002.02', `Bad Request - Invalid ResultURL: ${DELIVERY_REFUSED}`)
    const payout = await payouts.send({ id, phone, shillings: body.Amount, resultUrl, timeoutUrl })
    if (!payout) return refuse(deps, reply, 500, '500.002.1001', 'Duplicate OriginatorConversationID.')
    if (receiverOf(phone).answer === 'cut') return cut(request, reply)
    return reply.send(accepted(payout.conversationId, id))
  })

  app.post('/sandbox/daraja/mpesa/transactionstatus/v1/query', options, async (request, reply) => {
    const body = await readBody(deps, request, reply, statusBody)
    if (!body) return reply
    if (!isUser(body.Initiator, body.SecurityCredential))
      return refuse(deps, reply, 400, '400.002.02', 'Bad Request - Invalid Initiator')
    if (!deliver.accepts(body.ResultURL))
      return refuse(deps, reply, 400, '400.002.02', `Bad Request - Invalid ResultURL: ${DELIVERY_REFUSED}`)
    const conversation = await payouts.ask({ id: body.OriginalConversationID, resultUrl: body.ResultURL })
    return reply.send(accepted(conversation, `status-${conversation}`))
  })
}

const accepted = (conversation: string, originator: string): object => ({
  ConversationID: conversation,
  OriginatorConversationID: originator,
  ResponseCode: '0',
  ResponseDescription: 'Accept the service request successfully.',
})
