import { z } from 'zod'
import { textual } from './wire.ts'

const parameter = z.object({ Key: z.string(), Value: z.unknown().optional() })
const resultBody = z.object({
  Result: z.object({
    ResultCode: textual,
    ResultDesc: z.string().optional(),
    OriginatorConversationID: textual.optional(),
    ConversationID: textual.optional(),
    TransactionID: textual.optional(),
    // Daraja sends a single parameter without a list.
    ResultParameters: z
      .object({ ResultParameter: z.union([z.array(parameter), parameter.transform((one) => [one])]) })
      .nullish(),
  }),
})

/** Body that Daraja posts to a ResultURL. */
export interface DarajaResult {
  readonly resultCode: string
  readonly originatorConversationId: string | undefined
  readonly transactionId: string | undefined
  /** Parameters by key, as text. Parameters without a value are left out. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Parses the body of a result. Throws on another format. Parameters are read by key, because their order and number vary. */
export function parseResult(rawBody: Buffer): DarajaResult {
  const { Result } = resultBody.parse(JSON.parse(rawBody.toString('utf8')))
  const parameters = (Result.ResultParameters?.ResultParameter ?? []).flatMap(({ Key, Value }) =>
    typeof Value === 'string' || typeof Value === 'number' ? [[Key, String(Value).trim()] as const] : [],
  )
  return {
    resultCode: Result.ResultCode,
    originatorConversationId: Result.OriginatorConversationID,
    transactionId: Result.TransactionID,
    parameters: new Map(parameters),
  }
}
