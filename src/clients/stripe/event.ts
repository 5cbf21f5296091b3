import { z } from 'zod'
import type { Secret } from '#platform/base/secrets'
import { loadStripe } from './load.ts'

const eventShape = z.object({
  id: z.string().min(1),
  object: z.literal('event'),
  type: z.string(),
  livemode: z.boolean(),
  created: z.int().nonnegative(),
  data: z.object({
    object: z.looseObject({ id: z.string().optional(), object: z.string() }),
    previous_attributes: z.looseObject({}).nullish(),
  }),
})

export type SignedEvent = z.infer<typeof eventShape>

/** Stripe's recommendation: older signatures may be replays. */
const TOLERANCE_SECONDS = 300

/**
 * Verifies the signature of a webhook with the library and parses the envelope. Throws when the signature is missing, wrong, too old or from
 * the future, and when the body is not an event.
 */
export function readSignedEvent(rawBody: Buffer, signature: string, secret: Secret, now: Date): SignedEvent {
  const { webhooks } = loadStripe()
  const event: unknown = webhooks.constructEvent(
    rawBody,
    signature,
    secret.reveal(),
    TOLERANCE_SECONDS,
    undefined,
    now.getTime(),
  )
  // The library rejects old signatures only.
  const signedAt = Number.parseInt(/(?:^|,)t=(\d+)/.exec(signature)?.[1] ?? '', 10)
  if (!(signedAt - now.getTime() / 1000 <= TOLERANCE_SECONDS)) throw new Error('The signature is from the future')
  return eventShape.parse(event)
}

/** Parses a stored event. Its signature was verified before it was stored. Throws on another format. */
export const parseEvent = (rawBody: Buffer): SignedEvent => eventShape.parse(JSON.parse(rawBody.toString('utf8')))
