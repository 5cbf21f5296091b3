import { z } from 'zod'

/** Daraja sends the same field as text in one response and as a number in another, so both are accepted. */
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

/** Response to a B2C request: accepted for processing. */
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

/** Pull Transactions nests the list in a list [community]. A span without payments has no list or an empty one. */
export const pullAnswer = z.object({
  /** Required: without it any response could be read as a day without payments. */
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
