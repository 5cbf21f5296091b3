import type { z } from 'zod'
import type { Clock } from '#platform/base/clock'
import type { Fetch, FetchRequest } from '#platform/web/fetch'
import { AirtelError, readAnswer } from './answer.ts'
import { isRefusal } from './codes.ts'
import { createTokens, JSON_TYPE, type AirtelSettings } from './token.ts'
import { enquiryAnswer, payAnswer, summaryAnswer } from './wire.ts'

export interface AirtelPush {
  /** Our id: letters and digits. The enquiry uses it too. */
  readonly id: string
  /** Whole shillings. */
  readonly shillings: bigint
  /** Phone number without the country code. */
  readonly msisdn: string
  /** Text that the payer reads. */
  readonly reference: string
}

export interface AirtelResult {
  /** `TS`, `TF`, …; undefined when Airtel knows no payment of this id. */
  readonly status: string | undefined
  readonly code: string | undefined
  readonly moneyId: string | undefined
}

/** A transaction of the merchant, of any kind. */
export interface AirtelTransaction {
  readonly moneyId: string
  /** Amount as Airtel writes it. */
  readonly amount: string
  readonly currency: string | undefined
  readonly at: Date
  /** `TS`, … */
  readonly status: string
  /** `MERCHPAY`: a payment to the merchant. */
  readonly service: string
  readonly msisdn: string | undefined
}

export interface Airtel {
  /** Prompts the payer's phone. Throws AirtelError; `maybeActed` says whether the phone may ring. */
  push(push: AirtelPush): Promise<void>
  /** Queries the state of a payment by our id. Throws AirtelError. */
  enquire(id: string): Promise<AirtelResult>
  /** Returns a page of Transactions Summary. Throws AirtelError. */
  listTransactions(of: { from: Date; to: Date; offset: number }): Promise<readonly AirtelTransaction[]>
}

const PUSH_DEADLINE_MS = 30_000
const QUESTION_DEADLINE_MS = 15_000
const PAGE = 100
const COUNTRY = { 'x-country': 'KE', 'x-currency': 'KES' }

export function createAirtel(deps: { fetch: Fetch; clock: Clock; settings: () => AirtelSettings }): Airtel {
  const { fetch, clock } = deps
  const tokens = createTokens({ fetch, clock })

  /** Sends a request. Airtel did not act on a request with a refused token, so it is sent once more with a new token. */
  async function call<T>(request: Omit<FetchRequest, 'url'> & { path: string }, schema: z.ZodType<T>): Promise<T> {
    const settings = deps.settings()
    const { path, ...rest } = request
    for (let renewed = false; ; renewed = true) {
      const token = await tokens.get(settings)
      const headers = { ...JSON_TYPE, ...COUNTRY, authorization: `Bearer ${token}` }
      try {
        return await readAnswer(fetch, { ...rest, url: settings.baseUrl + path, headers }, schema)
      } catch (error) {
        if (!(error instanceof AirtelError) || error.code !== 'airtel.unauthorized') throw error
        tokens.drop(token)
        if (renewed) throw error
      }
    }
  }

  return {
    push: async (push) => {
      const { status } = await call(
        {
          method: 'POST',
          path: '/merchant/v1/payments/',
          body: bodyOf(push),
          deadlineMs: PUSH_DEADLINE_MS,
          label: 'airtel.push',
        },
        payAnswer,
      )
      if (status.success) return
      const responseCode = status.response_code ?? undefined
      throw new AirtelError('airtel.rejected', `it refused (${responseCode ?? 'no code'})`, {
        maybeActed: !isRefusal(responseCode),
        responseCode,
      })
    },
    enquire: async (id) => {
      const { data, status } = await call(
        {
          path: `/standard/v1/payments/${encodeURIComponent(id)}`,
          deadlineMs: QUESTION_DEADLINE_MS,
          label: 'airtel.enquiry',
        },
        enquiryAnswer,
      )
      const transaction = data?.transaction
      if (transaction?.id && transaction.id !== id) {
        throw new AirtelError('airtel.bad-answer', 'the response is about another payment', { maybeActed: true })
      }
      return {
        status: transaction?.status,
        code: status.response_code ?? undefined,
        moneyId: transaction?.airtel_money_id || undefined,
      }
    },
    listTransactions: async ({ from, to, offset }) => {
      const span = { from: String(from.getTime()), to: String(to.getTime()) }
      const query = new URLSearchParams({ ...span, limit: String(PAGE), offset: String(offset) })
      const path = `/merchant/v1/transactions?${query.toString()}`
      const sent = { path, deadlineMs: QUESTION_DEADLINE_MS, label: 'airtel.summary' }
      return readSummary(await call(sent, summaryAnswer))
    },
  }
}

function readSummary({ data, status }: z.infer<typeof summaryAnswer>): readonly AirtelTransaction[] {
  const responseCode = status.response_code ?? undefined
  if (!status.success)
    throw new AirtelError('airtel.rejected', `it refused (${responseCode ?? 'no code'})`, {
      maybeActed: false,
      responseCode,
    })
  return data.transactions.map(({ payer, service, transaction }) => ({
    moneyId: transaction.airtel_money_id,
    amount: transaction.amount,
    currency: payer?.currency ?? undefined,
    at: new Date(Number.parseInt(transaction.created_at, 10)),
    status: transaction.status,
    service: service.type,
    msisdn: payer?.msisdn ?? undefined,
  }))
}

/**
 * Builds the body of a push. Airtel requires the amount as a JSON number. Whole shillings up to 150,000 are exact in one, and the digits of the
 * bigint are written unchanged.
 */
function bodyOf({ id, shillings, msisdn, reference }: AirtelPush): string {
  const place = { country: 'KE', currency: 'KES' }
  const body = { reference, subscriber: { ...place, msisdn }, transaction: { amount: 'AMOUNT', ...place, id } }
  return JSON.stringify(body).replace('"amount":"AMOUNT"', `"amount":${shillings}`)
}
