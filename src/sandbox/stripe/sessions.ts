import { z } from 'zod'
import { addMs, type Clock } from '#platform/base/clock'
import type { Db, Tx } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import { addTimer } from '../timers.ts'
import { requireCurrency, requireStep } from './currency.ts'
import { missing, WireError } from './errors.ts'
import { stripeId, type Emit } from './events.ts'
import { insertObject, lockObject, updateObject, type StoredObject, type StripeObject } from './store.ts'

export interface Session extends StripeObject {
  readonly status: 'open' | 'complete' | 'expired'
  readonly payment_status: 'unpaid' | 'paid'
  readonly payment_intent: string | null
  readonly amount_total: number
  readonly currency: string
  readonly expires_at: number
  readonly url: string | null
  readonly success_url: string
  readonly cancel_url: string | null
  readonly client_reference_id: string | null
  readonly customer_email: string | null
  readonly metadata: Record<string, string>
}

export interface SessionHidden {
  readonly productName: string
  readonly paymentMetadata: Record<string, string>
}

export type StoredSession = StoredObject<Session, SessionHidden>

const count = z
  .string()
  .regex(/^\d{1,12}$/, 'Invalid integer')
  .transform((text) => Number.parseInt(text, 10))
const tags = z.record(z.string(), z.string().max(500))
const flag = z.enum(['true', 'false'])
const httpUrl = z.url({ protocol: /^https?$/, error: 'Not a valid URL' })

/** Stripe's maximum has twelve digits for cards (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). */
const LARGEST = 999_999_999_999

const params = z.strictObject({
  mode: z.literal('payment', 'Only payment mode is simulated'),
  allowed_payment_method_types: z.array(z.string()).optional(),
  adaptive_pricing: z.strictObject({ enabled: flag.optional() }).optional(),
  client_reference_id: z.string().max(200).optional(),
  customer_email: z.email('Invalid email address').optional(),
  metadata: tags.optional(),
  payment_intent_data: z
    .strictObject({ description: z.string().max(1000).optional(), metadata: tags.optional() })
    .optional(),
  line_items: z
    .array(
      z.strictObject({
        quantity: count.refine((quantity) => quantity > 0, 'Invalid quantity'),
        price_data: z.strictObject({
          currency: z
            .string()
            .regex(/^[a-z]{3}$/i, 'Invalid currency')
            .transform((code) => code.toLowerCase()),
          unit_amount: count.refine(
            (amount) => amount > 0 && amount <= LARGEST,
            `Amount must be between 1 and ${LARGEST}`,
          ),
          product_data: z.strictObject({ name: z.string().min(1).max(250), description: z.string().optional() }),
        }),
      }),
    )
    .min(1)
    .max(100),
  success_url: httpUrl,
  cancel_url: httpUrl.optional(),
  expires_at: count.optional(),
  expand: z.array(z.string()).optional(),
})

export interface SessionDeps {
  db: Db
  clock: Clock
  ids: Ids
  emit: Emit
  /** Base URL of the hosted pages, without a trailing slash. */
  baseUrl: () => string
}

const DAY_SECONDS = 24 * 3600
const SHORTEST_SECONDS = 30 * 60

export interface Sessions {
  create(tx: Tx, fields: unknown, livemode: boolean): Promise<Session>
  /** Locks and returns the session, and expires it when it is due. Throws the API's 404. */
  require(tx: Tx, id: string): Promise<StoredSession>
  expire(tx: Tx, id: string): Promise<Session>
}

export function createSessions({ clock, ids, emit, baseUrl }: Omit<SessionDeps, 'db'>): Sessions {
  async function end(tx: Tx, session: Session): Promise<Session> {
    const ended: Session = { ...session, status: 'expired', url: null }
    await updateObject(tx, ended)
    await emit(tx, { type: 'checkout.session.expired', object: ended })
    return ended
  }

  async function requireSession(tx: Tx, id: string): Promise<StoredSession> {
    const kept = (await lockObject(tx, id)) as StoredSession | undefined
    if (kept?.body.object !== 'checkout.session') throw missing('checkout.session', id)
    const { body } = kept
    const over = body.status === 'open' && body.expires_at * 1000 <= clock.now().getTime()
    return over ? { ...kept, body: await end(tx, body) } : kept
  }

  return {
    require: requireSession,
    expire: async (tx, id) => {
      const { body } = await requireSession(tx, id)
      if (body.status !== 'open') {
        throw new WireError(
          400,
          `Only Checkout Sessions with a status in ["open"] can be expired. This one is ${body.status}.`,
        )
      }
      return end(tx, body)
    },
    create: async (tx, fields, livemode) => {
      const now = clock.now()
      const input = requireParams(fields)
      const id = stripeId(ids, livemode ? 'cs_live' : 'cs_test')
      const { body, hidden } = build(input, { id, livemode, now, url: `${baseUrl()}/sandbox/stripe/pay/${id}` })
      await insertObject(tx, { body, hidden }, now)
      const dueAt = addMs(new Date(body.expires_at * 1000), 1000)
      await addTimer(tx, ids, { kind: 'session', subject: id, dueAt })
      return body
    },
  }
}

function requireParams(fields: unknown): z.infer<typeof params> {
  const parsed = params.safeParse(fields)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const path = [...(issue?.path ?? []), ...(unknown ? [unknown] : [])].map(String)
  const param = path.map((part, i) => (i === 0 ? part : `[${part}]`)).join('')
  if (unknown) throw new WireError(400, `Received unknown parameter: ${param}`, { code: 'parameter_unknown', param })
  throw new WireError(400, issue?.message ?? 'Invalid request', { code: 'parameter_invalid', param })
}

function build(
  input: z.infer<typeof params>,
  { id, livemode, now, url }: { id: string; livemode: boolean; now: Date; url: string },
): StoredSession {
  const [first] = input.line_items
  const currency = first?.price_data.currency ?? ''
  if (input.line_items.some((item) => item.price_data.currency !== currency)) {
    throw new WireError(400, 'All line items must have the same currency.', { param: 'line_items' })
  }
  requireCurrency(currency)
  for (const { price_data: price } of input.line_items) requireStep(price.unit_amount, currency)
  const created = Math.floor(now.getTime() / 1000)
  const expiresAt = input.expires_at ?? created + DAY_SECONDS
  if (expiresAt < created + SHORTEST_SECONDS || expiresAt > created + DAY_SECONDS) {
    const message = 'The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.'
    throw new WireError(400, message, { param: 'expires_at' })
  }
  const total = input.line_items.reduce((sum, { quantity, price_data: price }) => sum + quantity * price.unit_amount, 0)
  const body: Session = {
    id,
    object: 'checkout.session',
    allowed_payment_method_types: input.allowed_payment_method_types ?? null,
    amount_subtotal: total,
    amount_total: total,
    cancel_url: input.cancel_url ?? null,
    client_reference_id: input.client_reference_id ?? null,
    created,
    currency,
    customer_email: input.customer_email ?? null,
    expires_at: expiresAt,
    livemode,
    metadata: input.metadata ?? {},
    mode: 'payment',
    payment_intent: null,
    payment_method_types: ['card'],
    payment_status: 'unpaid',
    status: 'open',
    success_url: input.success_url,
    ui_mode: 'hosted_page',
    url,
  }
  const paymentMetadata = input.payment_intent_data?.metadata ?? {}
  return { body, hidden: { productName: first?.price_data.product_data.name ?? '', paymentMetadata } }
}
