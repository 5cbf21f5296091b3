import { z } from 'zod'
import { textual } from './wire.ts'

const callbackBody = z.object({
  Body: z.object({
    stkCallback: z.object({
      MerchantRequestID: textual.optional(),
      CheckoutRequestID: textual.pipe(z.string().min(1)),
      ResultCode: textual,
      ResultDesc: z.string().optional(),
      CallbackMetadata: z
        .object({ Item: z.array(z.object({ Name: z.string(), Value: z.unknown().optional() })) })
        .nullish(),
    }),
  }),
})

export interface StkCallback {
  readonly checkoutRequestId: string
  readonly resultCode: string
  readonly resultDesc: string | undefined
  /** Items of the metadata by name, as text. Items without a value are left out. */
  readonly items: ReadonlyMap<string, string>
}

/** Parses the body of an STK callback. Throws on another format. Items are read by name, because their order and number vary. */
export function parseStkCallback(rawBody: Buffer): StkCallback {
  const { stkCallback } = callbackBody.parse(JSON.parse(rawBody.toString('utf8'))).Body
  const items = (stkCallback.CallbackMetadata?.Item ?? []).flatMap(({ Name, Value }) =>
    typeof Value === 'string' || typeof Value === 'number' ? [[Name, String(Value).trim()] as const] : [],
  )
  return {
    checkoutRequestId: stkCallback.CheckoutRequestID,
    resultCode: stkCallback.ResultCode,
    resultDesc: stkCallback.ResultDesc,
    items: new Map(items),
  }
}
