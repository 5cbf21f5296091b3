import { z } from 'zod'
import { addMs } from '#platform/base/clock'
import type { HttpServer } from '#platform/web/http'
import { MPESA } from '../credentials.ts'
import type { Prompt } from '../phone/store.ts'
import { isToken } from './auth.ts'
import type { DarajaDeps } from './wire.ts'

const eatTime = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2} \d{1,2}:\d{2}:\d{2}$/)
  .transform((given) => new Date(`${given.replace(/ (\d):/, ' 0$1:').replace(' ', 'T')}+03:00`))
const pullBody = z.object({
  ShortCode: z.union([z.string(), z.int()]).transform(String),
  StartDate: eatTime,
  EndDate: eatTime,
  OffSetValue: z
    .string()
    .regex(/^\d{1,9}$/)
    .transform((given) => Number.parseInt(given, 10)),
})
const PAGE = 100
const MAX_AGE_MS = 48 * 3_600_000

/** Serves Pull Transactions: M-Pesa's list of payments to the short code. */
export function addPullRoute(app: HttpServer, { clock, ids, prompts }: DarajaDeps): void {
  app.post(
    '/sandbox/daraja/pulltransactions/v1/query',
    { config: { provider: 'daraja' }, schema: { hide: true } },
    async (request, reply) => {
      const refuse = (status: number, errorCode: string, errorMessage: string) =>
        reply.status(status).send({ requestId: ids.uuid(), errorCode, errorMessage })
      if (!isToken(request.headers.authorization, clock.now())) return refuse(404, '404.001.03', 'Invalid Access Token')
      const { data } = pullBody.safeParse(request.body)
      if (data?.ShortCode !== MPESA.shortcode || addMs(data.StartDate, MAX_AGE_MS) < clock.now())
        return refuse(400, '400.002.02', 'Bad Request - Invalid ShortCode or dates')
      const { StartDate: from, EndDate: to, OffSetValue: offset } = data
      const paid = await prompts.listPaid({ network: 'mpesa', from, to, offset, limit: PAGE })
      const said = { ResponseCode: '1000', ResponseMessage: 'Success', Response: [paid.map(renderTransaction)] }
      return reply.send({ ResponseRefID: ids.uuid(), ...said })
    },
  )
}

const renderTransaction = (prompt: Prompt): object => ({
  transactionId: prompt.receiptNumber,
  trxDate: prompt.decidedAt?.toISOString(),
  msisdn: prompt.phone,
  sender: 'MPESA',
  transactiontype: 'c2b-pay-bill-debit',
  billreference: prompt.accountReference,
  amount: `${prompt.paidShillings ?? 0n}.0`,
  organizationname: 'Purser sandbox',
})
