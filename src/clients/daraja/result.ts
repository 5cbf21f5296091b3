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
    // One parameter comes without its list.
    ResultParameters: z
      .object({ ResultParameter: z.union([z.array(parameter), parameter.transform((one) => [one])]) })
      .nullish(),
  }),
})

/** What Daraja posts to a ResultURL. */
export interface DarajaResult {
  readonly resultCode: string
  readonly originatorConversationId: string | undefined
  readonly transactionId: string | undefined
  /** By key, as text; one without a value is absent. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Reads the body of a result. Throws when it has another form. Parameters are found by their key: order and number vary. */
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
