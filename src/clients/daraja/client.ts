import type { Clock } from '#platform/base/clock'
import type { Fetch } from '#platform/web/fetch'
import type { Secret } from '#platform/base/secrets'
import { readResponse } from './response.ts'
import { DarajaError } from './errors.ts'
import { createB2cClient, type B2cClient, type CallOptions } from './b2c.ts'
import { eatTime, eatTimestamp } from './time.ts'
import { createTokens, type TokenSettings } from './token.ts'
import { pullAnswer, pushAnswer, queryAnswer } from './wire.ts'
import type { z } from 'zod'

export interface DarajaSettings extends TokenSettings {
  /** Short code that the passkey belongs to: the pay bill number, or the store number of a till. */
  readonly shortcode: string
  readonly passkey: Secret
}

export interface StkPush {
  readonly transactionType: 'CustomerPayBillOnline' | 'CustomerBuyGoodsOnline'
  /** Whole shillings. */
  readonly shillings: bigint
  /** MSISDN, `2547XXXXXXXX`. */
  readonly phone: string
  /** Receiver of the money: the pay bill number again, or the till number. */
  readonly partyB: string
  /** Contains a secret token in its path. */
  readonly callbackUrl: string
  /** At most 12 characters, read by the payer. */
  readonly accountReference: string
  /** At most 13 characters. */
  readonly description: string
}

/** Response to a push. The push is accepted, not paid. */
export interface StkPushed {
  readonly checkoutRequestId: string
  readonly merchantRequestId: string | undefined
}

/** Result of a query: one of Safaricom's result codes, such as `0`, `1032`, `4999` (still processing). */
export interface StkResult {
  readonly resultCode: string
  readonly resultDesc: string | undefined
  readonly checkoutRequestId: string | undefined
}

/** A payment to the short code in Pull Transactions. */
export interface PulledTransaction {
  /** The receipt number. */
  readonly id: string
  /** Time as Daraja writes it, not always with a time zone. */
  readonly at: string
  readonly phone: string | undefined
  readonly amount: string
}

export interface Daraja extends B2cClient {
  /** Prompts the payer's phone. Not idempotent: a second call prompts again. Throws DarajaError; `maybeActed` says whether the phone may ring. */
  stkPush(push: StkPush): Promise<StkPushed>
  /** Queries the state of a push. Throws DarajaError. The error `500.001.1001` says nothing about the payment. */
  stkQuery(checkoutRequestId: string): Promise<StkResult>
  /**
   * Returns payments to the short code in a span of the last 48 hours, starting at `offset`. Empty after the last one. The short code must be
   * registered for Pull Transactions (`/pulltransactions/v1/register`). Throws DarajaError.
   */
  pull(span: { from: Date; to: Date; offset: number }): Promise<readonly PulledTransaction[]>
}

/** Longer than the query's deadline: the response to a push cannot be requested again. */
const PUSH_DEADLINE_MS = 30_000
const QUERY_DEADLINE_MS = 15_000

export function createDaraja(deps: { fetch: Fetch; clock: Clock; settings: () => DarajaSettings }): Daraja {
  const { fetch, clock } = deps
  const tokens = createTokens({ fetch, clock })

  /** Sends a request with the password of Lipa na M-Pesa. */
  function post<T>(path: string, fields: Record<string, string>, schema: z.ZodType<T>, sent: CallOptions): Promise<T> {
    const settings = deps.settings()
    const timestamp = eatTimestamp(clock.now())
    const password = Buffer.from(settings.shortcode + settings.passkey.reveal() + timestamp).toString('base64')
    const all = { BusinessShortCode: settings.shortcode, Password: password, Timestamp: timestamp, ...fields }
    return ask(path, all, schema, { ...sent, secrets: [password, settings.passkey.reveal(), ...sent.secrets] })
  }

  /** Sends a request. Daraja did not act on a request with a refused token, so it is sent once more with a new token. */
  async function ask<T>(
    path: string,
    fields: Record<string, string>,
    schema: z.ZodType<T>,
    sent: CallOptions,
  ): Promise<T> {
    const settings = deps.settings()
    const body = JSON.stringify(fields)
    for (let renewed = false; ; renewed = true) {
      const token = await tokens.get(settings)
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const { label, deadlineMs } = sent
      try {
        const request = { method: 'POST' as const, url: settings.baseUrl + path, headers, body, label, deadlineMs }
        return await readResponse(fetch, request, schema, [token, ...sent.secrets])
      } catch (error) {
        if (!(error instanceof DarajaError) || error.code !== 'daraja.unauthorized') throw error
        tokens.drop(token)
        if (renewed) throw error
      }
    }
  }

  return {
    stkPush: async (push) => {
      const fields = {
        TransactionType: push.transactionType,
        Amount: push.shillings.toString(),
        PartyA: push.phone,
        PartyB: push.partyB,
        PhoneNumber: push.phone,
        CallBackURL: push.callbackUrl,
        AccountReference: push.accountReference,
        TransactionDesc: push.description,
      }
      const sent = { label: 'daraja.stkpush', deadlineMs: PUSH_DEADLINE_MS, secrets: [push.callbackUrl] }
      const answer = await post('/mpesa/stkpush/v1/processrequest', fields, pushAnswer, sent)
      return readPush(answer)
    },
    stkQuery: async (checkoutRequestId) => {
      const sent = { label: 'daraja.stkquery', deadlineMs: QUERY_DEADLINE_MS, secrets: [] }
      const fields = { CheckoutRequestID: checkoutRequestId }
      const answer = await post('/mpesa/stkpushquery/v1/query', fields, queryAnswer, sent)
      return {
        resultCode: answer.ResultCode,
        resultDesc: answer.ResultDesc,
        checkoutRequestId: answer.CheckoutRequestID,
      }
    },
    pull: async ({ from, to, offset }) => {
      const { shortcode: ShortCode } = deps.settings()
      const fields = { ShortCode, StartDate: eatTime(from), EndDate: eatTime(to), OffSetValue: String(offset) }
      const sent = { label: 'daraja.pull', deadlineMs: PUSH_DEADLINE_MS, secrets: [] }
      const { Response: lists } = await ask('/pulltransactions/v1/query', fields, pullAnswer, sent)
      return (lists ?? [])
        .flat()
        .map((one) => ({ id: one.transactionId, at: one.trxDate, phone: one.msisdn, amount: one.amount }))
    },
    ...createB2cClient(ask),
  }
}

function readPush(answer: z.infer<typeof pushAnswer>): StkPushed {
  if (answer.ResponseCode !== '0') {
    const { ResponseCode: errorCode, ResponseDescription: errorMessage } = answer
    throw new DarajaError({ code: 'daraja.rejected', maybeActed: false, httpStatus: 200, errorCode, errorMessage })
  }
  if (!answer.CheckoutRequestID) throw new DarajaError({ code: 'daraja.bad-answer', maybeActed: true, httpStatus: 200 })
  return { checkoutRequestId: answer.CheckoutRequestID, merchantRequestId: answer.MerchantRequestID }
}
