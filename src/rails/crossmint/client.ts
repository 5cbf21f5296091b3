import type { z } from 'zod'
import { AppError } from '#platform/base/errors'
import {
  didNothing,
  FetchError,
  isRejected,
  parseJsonBody,
  type Fetch,
  type FetchAnswer,
  type FetchRequest,
} from '#platform/web/fetch'
import type { Secret } from '#platform/base/secrets'
import { createdOrder, errorAnswer, order, orderPage, type ListedOrder, type Order } from './wire.ts'

export interface CrossmintSettings {
  readonly apiKey: Secret
  /** Project id, needed with an older client secret instead of a server key. */
  readonly clientId: string | undefined
  /** Address of Crossmint, with `/api`. */
  readonly baseUrl: string
}

export interface NewOrder {
  /** Amount as a decimal string in US dollars. */
  readonly dollars: string
  readonly item: { readonly tokenLocator: string } | { readonly collectionLocator: string }
  readonly wallet: string
  readonly paymentMethod: string
  readonly email: string | undefined
}

export interface Crossmint {
  /** Creates an order. Not idempotent: a second call creates a second order. Throws CrossmintError; `maybeActed` says whether an order may exist. */
  createOrder(input: NewOrder): Promise<{ readonly order: Order; readonly clientSecret: string }>
  /** Fetches an order. Throws CrossmintError. */
  fetchOrder(orderId: string): Promise<Order>
  /** Returns a page of the project's orders, newest first, and the cursor of the next page. Throws CrossmintError. */
  listOrders(cursor: string | undefined): Promise<{ orders: readonly ListedOrder[]; next: string | undefined }>
}

type Code = 'crossmint.rejected' | 'crossmint.unauthorized' | 'crossmint.unavailable' | 'crossmint.bad-answer'

/** Error response of Crossmint, or a missing response. Contains no secret. */
export class CrossmintError extends AppError {
  declare readonly code: Code
  readonly maybeActed: boolean

  constructor(code: Code, said: string, { maybeActed, cause }: { maybeActed: boolean; cause?: unknown }) {
    super(code, 502, `Crossmint: ${said}`, { cause })
    this.maybeActed = maybeActed
  }
}

/** Longer than the query's deadline: the response to a new order cannot be requested again. */
const ORDER_DEADLINE_MS = 30_000
const QUESTION_DEADLINE_MS = 15_000
const LONGEST_MESSAGE = 200
const ORDERS = '/2022-06-09/orders'
const PAGE = 100

export function createCrossmint(deps: { fetch: Fetch; settings: () => CrossmintSettings }): Crossmint {
  const { fetch } = deps
  async function call<T>(request: Omit<FetchRequest, 'url'> & { path: string }, schema: z.ZodType<T>): Promise<T> {
    const settings = deps.settings()
    const { path, ...rest } = request
    const headers = { ...rest.headers, ...keyHeaders(settings), accept: 'application/json' }
    const answer = await send(fetch, { ...rest, url: settings.baseUrl + path, headers })
    return read(answer, schema, settings.apiKey.reveal())
  }
  return {
    createOrder: (input) =>
      call(
        {
          method: 'POST',
          path: ORDERS,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(bodyOf(input)),
          deadlineMs: ORDER_DEADLINE_MS,
          label: 'crossmint.create-order',
        },
        createdOrder,
      ),
    fetchOrder: (orderId) =>
      call(
        {
          path: `${ORDERS}/${encodeURIComponent(orderId)}`,
          deadlineMs: QUESTION_DEADLINE_MS,
          label: 'crossmint.order',
        },
        order,
      ),
    listOrders: async (cursor) => {
      const query = new URLSearchParams({ limit: String(PAGE), sort: 'desc', ...(cursor !== undefined && { cursor }) })
      const path = `${ORDERS}?${query.toString()}`
      const { data: orders, nextCursor } = await call(
        { path, deadlineMs: QUESTION_DEADLINE_MS, label: 'crossmint.orders' },
        orderPage,
      )
      return { orders, next: nextCursor || undefined }
    },
  }
}

/** Server keys start with `sk_`. Any other key is the client secret of the older pair of headers. */
function keyHeaders({ apiKey, clientId }: CrossmintSettings): Record<string, string> {
  const key = apiKey.reveal()
  if (key.startsWith('sk_')) return { 'x-api-key': key }
  return { 'x-client-secret': key, 'x-project-id': clientId ?? '' }
}

/** Crossmint has no plain charge: the payer buys a stablecoin for the amount, or an item of a collection at this price. */
const bodyOf = ({ dollars, item, wallet, paymentMethod, email }: NewOrder): object => ({
  payment: { method: paymentMethod, currency: 'usd', ...(email === undefined ? {} : { receiptEmail: email }) },
  lineItems: [
    'tokenLocator' in item
      ? { ...item, executionParameters: { mode: 'exact-in', amount: dollars } }
      : { ...item, callData: { totalPrice: dollars, quantity: 1 } },
  ],
  recipient: { walletAddress: wallet },
})

async function send(fetch: Fetch, request: FetchRequest): Promise<FetchAnswer> {
  try {
    return await fetch(request)
  } catch (error) {
    if (!(error instanceof FetchError)) throw error
    throw new CrossmintError('crossmint.unavailable', 'no response', { maybeActed: error.maybeSent, cause: error })
  }
}

function read<T>(answer: FetchAnswer, schema: z.ZodType<T>, key: string): T {
  const { status } = answer
  const body = parseJsonBody(answer)
  if (status >= 200 && status < 300) {
    const parsed = schema.safeParse(body)
    if (parsed.success) return parsed.data
    throw new CrossmintError('crossmint.bad-answer', 'the response has an unknown format', {
      maybeActed: true,
      cause: parsed.error,
    })
  }
  const failure = errorAnswer.safeParse(body)
  const text = failure.success
    ? `: ${String(failure.data.message).replaceAll(key, '[secret]').slice(0, LONGEST_MESSAGE)}`
    : ''
  throw new CrossmintError(codeOf(status), `it answered ${status}${text}`, { maybeActed: !didNothing(status) })
}

function codeOf(status: number): Code {
  if (status === 401 || status === 403) return 'crossmint.unauthorized'
  return isRejected(status) ? 'crossmint.rejected' : 'crossmint.unavailable'
}
