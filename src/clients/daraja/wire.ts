import { z } from 'zod'

/** Daraja sends the same field as text in one answer and as a number in the next, so both are read. */
export const textual = z.union([z.string(), z.number()]).transform((value) => String(value).trim())

export const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: textual })

export const pushAnswer = z.object({
  MerchantRequestID: textual.optional(),
  CheckoutRequestID: textual.optional(),
  ResponseCode: textual,
  ResponseDescription: z.string().optional(),
  CustomerMessage: z.string().optional(),
})

export const queryAnswer = z.object({
  ResponseCode: textual.optional(),
  MerchantRequestID: textual.optional(),
  CheckoutRequestID: textual.optional(),
  ResultCode: textual,
  ResultDesc: z.string().optional(),
})

/** Accepted for processing, no more. */
export const acceptedAnswer = z.object({
  ConversationID: textual.optional(),
  OriginatorConversationID: textual.optional(),
  ResponseCode: textual,
  ResponseDescription: z.string().optional(),
})

export const errorAnswer = z.object({
  requestId: textual.optional(),
  errorCode: textual,
  errorMessage: z.string().optional(),
})

/** The list is a list in a list [community]; a time in which nothing came has none, or an empty one. */
export const pullAnswer = z.object({
  /** Without it the answer is not of this list: a day without money would be read out of anything. */
  ResponseCode: textual,
  ResponseMessage: z.string().optional(),
  Response: z
    .array(
      z.array(
        z.object({
          transactionId: textual,
          trxDate: textual,
          msisdn: textual.optional(),
          transactiontype: z.string().optional(),
          billreference: textual.optional(),
          amount: textual,
        }),
      ),
    )
    .nullish(),
})
