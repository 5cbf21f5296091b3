import type { Clock } from '#platform/clock'
import type { Fetch } from '#platform/fetch'
import type { Secret } from '#platform/secrets'
import { readAnswer } from './answer.ts'
import { DarajaError } from './errors.ts'
import { eatTime, eatTimestamp } from './time.ts'
import { createTokens, type TokenSettings } from './token.ts'
import { acceptedAnswer, pullAnswer, pushAnswer, queryAnswer } from './wire.ts'
import type { z } from 'zod'

export interface DarajaSettings extends TokenSettings {
  /** Pay bill number, or the store number of a till: what the passkey belongs to. */
  readonly shortcode: string
  readonly passkey: Secret
}

export interface StkPush {
  readonly transactionType: 'CustomerPayBillOnline' | 'CustomerBuyGoodsOnline'
  /** Whole shillings. */
  readonly shillings: bigint
  /** MSISDN, `2547XXXXXXXX`. */
  readonly phone: string
  /** Who gets the money: the pay bill number again, or the till. */
  readonly partyB: string
  /** Carries a secret token in its path. */
  readonly callbackUrl: string
  /** At most 12 characters, read by the payer. */
  readonly accountReference: string
  /** At most 13 characters. */
  readonly description: string
}

/** Accepted, not paid. */
export interface StkPushed {
  readonly checkoutRequestId: string
  readonly merchantRequestId: string | undefined
}

/** Who pays out: the operator's API user, and the short code that it pays from. */
export interface Initiator {
  readonly name: string
  /** The user's password as Safaricom's portal encrypts it with its certificate. */
  readonly credential: Secret
  readonly shortcode: string
}

export interface B2cPayment {
  /** Ours; Daraja takes each once. */
  readonly conversationId: string
  readonly initiator: Initiator
  /** Whole shillings. */
  readonly shillings: bigint
  /** MSISDN, `2547XXXXXXXX`. */
  readonly phone: string
  /** At most 100 characters. */
  readonly remarks: string
  /** Both carry a secret token in their path. */
  readonly resultUrl: string
  readonly timeoutUrl: string
}

export type StatusQuestion = Pick<B2cPayment, 'conversationId' | 'initiator' | 'resultUrl' | 'timeoutUrl'>

/** What the query says of a push: a result code of Safaricom's, such as `0`, `1032`, `4999` (still processing). */
export interface StkResult {
  readonly resultCode: string
  readonly resultDesc: string | undefined
  readonly checkoutRequestId: string | undefined
}

/** One arrival of money at the short code, as M-Pesa's own list has it. */
export interface PulledTransaction {
  /** The receipt number. */
  readonly id: string
  /** As it is written; not always with a time zone. */
  readonly at: string
  readonly phone: string | undefined
  readonly amount: string
}

export interface Daraja {
  /** Prompts the payer's phone. Not idempotent: a second call is a second prompt. Throws DarajaError; `maybeActed` says if the phone may ring. */
  stkPush(push: StkPush): Promise<StkPushed>
  /** Asks what became of a push. Throws DarajaError; `500.001.1001` is no answer, never a failure of the payment. */
  stkQuery(checkoutRequestId: string): Promise<StkResult>
  /**
   * What came to the short code in a time of the last 48 hours, from the `offset`-th on; fewer than were there before when that was all. The
   * short code must be registered for it (`/pulltransactions/v1/register`). Throws DarajaError.
   */
  pull(span: { from: Date; to: Date; offset: number }): Promise<readonly PulledTransaction[]>
  /** Pays to a phone (B2C). Accepted, not paid: what became of it comes to `resultUrl`. Throws DarajaError. */
  pay(payment: B2cPayment): Promise<void>
  /** Asks what became of a payment to a phone. The answer comes to `resultUrl`. Throws DarajaError. */
  askStatus(question: StatusQuestion): Promise<void>
}

/** Longer than the query's: the answer to a push cannot be asked for again. */
const PUSH_DEADLINE_MS = 30_000
const QUERY_DEADLINE_MS = 15_000

export function createDaraja(deps: { fetch: Fetch; clock: Clock; settings: () => DarajaSettings }): Daraja {
  const { fetch, clock } = deps
  const tokens = createTokens({ fetch, clock })

  /** With the password of Lipa na M-Pesa. */
  function post<T>(path: string, fields: Record<string, string>, schema: z.ZodType<T>, sent: Sent): Promise<T> {
    const settings = deps.settings()
    const timestamp = eatTimestamp(clock.now())
    const password = Buffer.from(settings.shortcode + settings.passkey.reveal() + timestamp).toString('base64')
    const all = { BusinessShortCode: settings.shortcode, Password: password, Timestamp: timestamp, ...fields }
    return ask(path, all, schema, { ...sent, secrets: [password, settings.passkey.reveal(), ...sent.secrets] })
  }

  /** A refused token was not acted upon, so the request is sent once more with a new one. */
  async function ask<T>(path: string, fields: Record<string, string>, schema: z.ZodType<T>, sent: Sent): Promise<T> {
    const settings = deps.settings()
    const body = JSON.stringify(fields)
    for (let renewed = false; ; renewed = true) {
      const token = await tokens.get(settings)
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const { label, deadlineMs } = sent
      try {
        const request = { method: 'POST' as const, url: settings.baseUrl + path, headers, body, label, deadlineMs }
        return await readAnswer(fetch, request, schema, [token, ...sent.secrets])
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
    pay: async (payment) => {
      const fields = {
        OriginatorConversationID: payment.conversationId,
        InitiatorName: payment.initiator.name,
        SecurityCredential: payment.initiator.credential.reveal(),
        CommandID: 'BusinessPayment',
        Amount: payment.shillings.toString(),
        PartyA: payment.initiator.shortcode,
        PartyB: payment.phone,
        Remarks: payment.remarks,
        QueueTimeOutURL: payment.timeoutUrl,
        ResultURL: payment.resultUrl,
        // Safaricom's own spelling.
        Occassion: payment.remarks,
      }
      const secrets = [fields.SecurityCredential, payment.resultUrl, payment.timeoutUrl]
      const sent = { label: 'daraja.b2c', deadlineMs: PUSH_DEADLINE_MS, secrets }
      requireAccepted(await ask('/mpesa/b2c/v3/paymentrequest', fields, acceptedAnswer, sent))
    },
    askStatus: async ({ conversationId, initiator, resultUrl, timeoutUrl }) => {
      const fields = {
        Initiator: initiator.name,
        SecurityCredential: initiator.credential.reveal(),
        CommandID: 'TransactionStatusQuery',
        OriginalConversationID: conversationId,
        PartyA: initiator.shortcode,
        // 4: a short code.
        IdentifierType: '4',
        ResultURL: resultUrl,
        QueueTimeOutURL: timeoutUrl,
        Remarks: 'status',
        Occasion: 'status',
      }
      const secrets = [fields.SecurityCredential, resultUrl, timeoutUrl]
      const sent = { label: 'daraja.status', deadlineMs: QUERY_DEADLINE_MS, secrets }
      requireAccepted(await ask('/mpesa/transactionstatus/v1/query', fields, acceptedAnswer, sent))
    },
  }
}

interface Sent {
  label: string
  deadlineMs: number
  secrets: readonly string[]
}

function requireAccepted({
  ResponseCode: errorCode,
  ResponseDescription: errorMessage,
}: z.infer<typeof acceptedAnswer>): void {
  if (errorCode === '0') return
  throw new DarajaError({ code: 'daraja.rejected', maybeActed: false, httpStatus: 200, errorCode, errorMessage })
}

function readPush(answer: z.infer<typeof pushAnswer>): StkPushed {
  if (answer.ResponseCode !== '0') {
    const { ResponseCode: errorCode, ResponseDescription: errorMessage } = answer
    throw new DarajaError({ code: 'daraja.rejected', maybeActed: false, httpStatus: 200, errorCode, errorMessage })
  }
  if (!answer.CheckoutRequestID) throw new DarajaError({ code: 'daraja.bad-answer', maybeActed: true, httpStatus: 200 })
  return { checkoutRequestId: answer.CheckoutRequestID, merchantRequestId: answer.MerchantRequestID }
}
