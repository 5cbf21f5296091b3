import type { z } from 'zod'
import type { Secret } from '#platform/base/secrets'
import { DarajaError } from './errors.ts'
import { acceptedAnswer } from './wire.ts'

/** The operator's API user for B2C, and the short code that it pays from. */
export interface Initiator {
  readonly name: string
  /** The user's password, encrypted with Safaricom's certificate by its portal. */
  readonly credential: Secret
  readonly shortcode: string
}

export interface B2cPayment {
  /** Our id of the payment. Daraja accepts each id once. */
  readonly conversationId: string
  readonly initiator: Initiator
  /** Whole shillings. */
  readonly shillings: bigint
  /** MSISDN, `2547XXXXXXXX`. */
  readonly phone: string
  /** At most 100 characters. */
  readonly remarks: string
  /** Both URLs contain a secret token in their path. */
  readonly resultUrl: string
  readonly timeoutUrl: string
}

export type StatusQuery = Pick<B2cPayment, 'conversationId' | 'initiator' | 'resultUrl' | 'timeoutUrl'>

/** Pays money to phones and queries such payments. */
export interface B2cClient {
  /** Pays to a phone (B2C). Resolves when the request is accepted, not when it is paid: the result arrives at `resultUrl`. Throws DarajaError. */
  pay(payment: B2cPayment): Promise<void>
  /** Queries the status of a payment to a phone. The answer arrives at `resultUrl`. Throws DarajaError. */
  askStatus(question: StatusQuery): Promise<void>
}

export interface CallOptions {
  label: string
  deadlineMs: number
  secrets: readonly string[]
}

export type DarajaCall = <T>(
  path: string,
  fields: Record<string, string>,
  schema: z.ZodType<T>,
  sent: CallOptions,
) => Promise<T>

/** Longer than the query's deadline: this response cannot be requested again. */
const PAY_DEADLINE_MS = 30_000
const ASK_DEADLINE_MS = 15_000

export const createB2cClient = (ask: DarajaCall): B2cClient => ({
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
    const sent = { label: 'daraja.b2c', deadlineMs: PAY_DEADLINE_MS, secrets }
    requireAccepted(await ask('/mpesa/b2c/v3/paymentrequest', fields, acceptedAnswer, sent))
  },
  askStatus: async ({ conversationId, initiator, resultUrl, timeoutUrl }) => {
    const fields = {
      Initiator: initiator.name,
      SecurityCredential: initiator.credential.reveal(),
      CommandID: 'TransactionStatusQuery',
      OriginalConversationID: conversationId,
      PartyA: initiator.shortcode,
      // 4 means short code.
      IdentifierType: '4',
      ResultURL: resultUrl,
      QueueTimeOutURL: timeoutUrl,
      Remarks: 'status',
      Occasion: 'status',
    }
    const secrets = [fields.SecurityCredential, resultUrl, timeoutUrl]
    const sent = { label: 'daraja.status', deadlineMs: ASK_DEADLINE_MS, secrets }
    requireAccepted(await ask('/mpesa/transactionstatus/v1/query', fields, acceptedAnswer, sent))
  },
})

function requireAccepted({
  ResponseCode: errorCode,
  ResponseDescription: errorMessage,
}: z.infer<typeof acceptedAnswer>): void {
  if (errorCode === '0') return
  throw new DarajaError({ code: 'daraja.rejected', maybeActed: false, httpStatus: 200, errorCode, errorMessage })
}
