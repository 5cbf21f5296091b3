import { z } from 'zod'

/** Airtel sends the same field as text in one response and as a number in another, so both are accepted. */
const textual = z.union([z.string(), z.number()]).transform((value) => String(value).trim())

export const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: textual })

const status = z.object({
  response_code: textual.nullish(),
  success: z.boolean(),
  message: z.string().nullish(),
})

/** Response to a push: accepted, not paid. */
export const payAnswer = z.object({ status })

export const enquiryAnswer = z.object({
  data: z
    .object({
      transaction: z
        .object({ id: textual.nullish(), status: z.string(), airtel_money_id: textual.nullish() })
        .nullish(),
    })
    .nullish(),
  status,
})

/** Transactions Summary. `service.type` distinguishes payments to the merchant from other transactions. */
export const summaryAnswer = z.object({
  data: z.object({
    transactions: z.array(
      z.object({
        payer: z.object({ msisdn: textual.nullish(), currency: z.string().nullish() }).nullish(),
        service: z.object({ type: z.string() }),
        transaction: z.object({
          airtel_money_id: textual.pipe(z.string().min(1)),
          amount: textual,
          /** Unix time in milliseconds. */
          created_at: textual.pipe(z.string().regex(/^\d{12,14}$/)),
          status: z.string(),
        }),
      }),
    ),
  }),
  status,
})

export const callbackBody = z.object({
  transaction: z.looseObject({
    id: textual.pipe(z.string().min(1)),
    status_code: z.string(),
    airtel_money_id: textual.nullish(),
  }),
  hash: z.string().nullish(),
})
