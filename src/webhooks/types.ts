import type { Identity } from '#identity'
import type { Clock } from '#platform/base/clock'
import type { Db, Queryable, Tx } from '#platform/database/db'
import type { Fetch } from '#platform/web/fetch'
import type { Ids } from '#platform/base/ids'
import type { Jobs } from '#platform/runtime/jobs'
import type { Log } from '#platform/observe/log'
import type { MasterKey } from '#platform/environment/masterkey'
import type { Metrics } from '#platform/observe/metrics'
import type { Actor, Module } from '#platform/runtime/module'
import type { Secret } from '#platform/base/secrets'

/** Where a merchant wants to be told. */
export interface Endpoint {
  /** `we_…` */
  readonly id: string
  readonly merchantId: string
  readonly livemode: boolean
  readonly url: string
  readonly description: string
  /** `*`, `payment.*` or `payment.paid`. */
  readonly events: readonly string[]
  readonly createdAt: Date
  /** Since when every delivery has failed. */
  readonly failingSince: Date | undefined
  readonly disabledAt: Date | undefined
  /** `requested` by the merchant; `failing` for days; `gone`: it answered 410. */
  readonly disabledWhy: 'requested' | 'failing' | 'gone' | undefined
}

/** `secret` signs what is sent (`whsec_…`): it can be shown now and never again. */
export interface EndpointWithSecret {
  readonly endpoint: Endpoint
  readonly secret: Secret
}

export const DELIVERY_STATES = ['pending', 'succeeded', 'failed', 'canceled'] as const
export type DeliveryState = (typeof DELIVERY_STATES)[number]

/** One event on its way to one endpoint. */
export interface Delivery {
  /** `del_…` */
  readonly id: string
  readonly endpointId: string
  readonly eventId: string
  readonly type: string
  readonly objectId: string
  readonly state: DeliveryState
  readonly tries: number
  /** When it is sent next; undefined when it is finished or being sent. */
  readonly nextTryAt: Date | undefined
  /** HTTP status of the last answer. */
  readonly lastStatus: number | undefined
  readonly createdAt: Date
  readonly finishedAt: Date | undefined
}

/** One sending and what came back. */
export interface Attempt {
  readonly at: Date
  readonly ms: number
  readonly status: number | undefined
  /** The first 4 kB of the answer. */
  readonly answer: string | undefined
  readonly error: string | undefined
}

/** With what was sent, to the byte, and the attempts, newest first, a hundred at most. */
export interface DeliveryDetail extends Delivery {
  readonly body: string
  readonly attempts: readonly Attempt[]
}

export interface NewEvent {
  readonly merchantId: string
  readonly livemode: boolean
  /** `payment.paid` */
  readonly type: string
  readonly objectId: string
  /** Of the object at this change. Telling of the same object, version and type again is telling once. */
  readonly version: number
  /** What JSON shows of the object. Called only when an endpoint wants the event. */
  readonly render: () => object
}

export interface EndpointKey {
  readonly id: string
  readonly merchantId: string
}

export interface EndpointInput {
  readonly url: string
  readonly events: readonly string[]
  readonly description?: string | undefined
}

export interface EndpointChange {
  readonly url?: string | undefined
  readonly events?: readonly string[] | undefined
  readonly description?: string | undefined
  readonly enabled?: boolean | undefined
}

export interface DeliveryQuery {
  readonly endpointId: string
  readonly merchantId: string
  readonly state?: DeliveryState | undefined
  /** 1 to 100. */
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface DeliveryRange {
  /** Included; by the time of the event. */
  readonly from: Date
  /** Not included. */
  readonly to: Date
  readonly state: DeliveryState
}

/**
 * What our users receive from us. Unknown ids, and those of other merchants, throw 404 `webhooks.no-such-endpoint` or
 * `webhooks.no-such-delivery`.
 */
export interface Webhooks extends Module {
  /** Whether an endpoint of the merchant may want this: for hot paths. Up to 5 seconds old where another instance changed something. */
  hasSubscriber(merchantId: string, type: string): Promise<boolean>
  /**
   * Writes the event and a delivery for each endpoint that wants it into the caller's transaction; nothing when none does.
   * @returns the id of the event, undefined when nobody wants it or it was told before
   */
  publish(tx: Tx, event: NewEvent): Promise<string | undefined>
  /** Deliveries are looked for at once. `publish` does it by itself after the commit. */
  wake(): void

  /** Throws 422 `webhooks.bad-url`, 409 `webhooks.too-many-endpoints`. */
  createEndpoint(
    tx: Tx,
    input: EndpointInput & { readonly merchantId: string; readonly livemode: boolean },
    actor: Actor,
  ): Promise<EndpointWithSecret>
  findEndpoint(q: Queryable, key: EndpointKey): Promise<Endpoint>
  /** Oldest first; a merchant has ten at most. */
  listEndpoints(q: Queryable, merchantId: string): Promise<Endpoint[]>
  /** `enabled: true` also ends a disabling by us. */
  updateEndpoint(tx: Tx, key: EndpointKey, change: EndpointChange, actor: Actor): Promise<Endpoint>
  /** What is still to be delivered is canceled. */
  deleteEndpoint(tx: Tx, key: EndpointKey, actor: Actor): Promise<void>
  /** A new secret; the ones before sign beside it until the overlap has passed. Throws 409 `webhooks.too-many-secrets`. */
  rotateSecret(tx: Tx, key: EndpointKey, input: { overlapMs: number }, actor: Actor): Promise<EndpointWithSecret>
  /** Sends an event `webhook.test` to this endpoint, whatever it listens to. Throws 409 `webhooks.endpoint-disabled`. */
  sendTest(tx: Tx, key: EndpointKey): Promise<Delivery>

  /** Newest first. */
  listDeliveries(q: Queryable, query: DeliveryQuery): Promise<{ items: Delivery[]; nextCursor: string | undefined }>
  findDelivery(q: Queryable, key: { id: string; merchantId: string }): Promise<DeliveryDetail>
  /** Sends it again, or now. Throws 409 `webhooks.endpoint-disabled`. */
  redeliver(tx: Tx, key: { id: string; merchantId: string }): Promise<Delivery>
  /** The same for a range, oldest first, 1,000 at a time. `nextFrom`: there may be more, from then on. */
  redeliverRange(tx: Tx, key: EndpointKey, range: DeliveryRange): Promise<{ count: number; nextFrom: Date | undefined }>
}

export interface WebhooksDeps {
  readonly db: Db
  readonly identity: Pick<Identity, 'audit'>
  /** Asked at use: the jobs are built from the modules, so they come later. */
  readonly jobs: () => Pick<Jobs, 'wake'>
  readonly fetch: Pick<Fetch, 'untrusted' | 'refusalOf'>
  readonly masterKey: MasterKey
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly metrics: Metrics
}
