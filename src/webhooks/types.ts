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

/** A merchant's URL that receives events. */
export interface Endpoint {
  /** `we_…` */
  readonly id: string
  readonly merchantId: string
  readonly livemode: boolean
  readonly url: string
  readonly description: string
  /** Subscriptions: `*`, `payment.*` or `payment.paid`. */
  readonly events: readonly string[]
  readonly createdAt: Date
  /** Time of the first failure since the last successful delivery. */
  readonly failingSince: Date | undefined
  readonly disabledAt: Date | undefined
  /** `requested`: by the merchant. `failing`: no success for days. `gone`: the endpoint answered 410. */
  readonly disabledWhy: 'requested' | 'failing' | 'gone' | undefined
}

/** `secret` signs deliveries (`whsec_…`) and can be shown only now. */
export interface EndpointWithSecret {
  readonly endpoint: Endpoint
  readonly secret: Secret
}

export const DELIVERY_STATES = ['pending', 'succeeded', 'failed', 'canceled'] as const
export type DeliveryState = (typeof DELIVERY_STATES)[number]

/** Delivery of one event to one endpoint. */
export interface Delivery {
  /** `del_…` */
  readonly id: string
  readonly endpointId: string
  readonly eventId: string
  readonly type: string
  readonly objectId: string
  readonly state: DeliveryState
  readonly tries: number
  /** Time of the next attempt. Undefined when the delivery is finished or being sent. */
  readonly nextTryAt: Date | undefined
  /** HTTP status of the last response. */
  readonly lastStatus: number | undefined
  readonly createdAt: Date
  readonly finishedAt: Date | undefined
}

/** One request to the endpoint and its response. */
export interface Attempt {
  readonly at: Date
  readonly ms: number
  readonly status: number | undefined
  /** First 4 kB of the response. */
  readonly answer: string | undefined
  readonly error: string | undefined
}

/** A delivery with its exact body and up to 100 attempts, newest first. */
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
  /** Object version after this change. Publishing the same object, version and type twice creates one event. */
  readonly version: number
  /** Returns the object as JSON shows it. Called only when an endpoint subscribes. */
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
  /** Inclusive, by event time. */
  readonly from: Date
  /** Exclusive. */
  readonly to: Date
  readonly state: DeliveryState
}

/**
 * Public interface of the module. Unknown ids, and ids of other merchants, throw 404 `webhooks.no-such-endpoint` or
 * `webhooks.no-such-delivery`.
 */
export interface Webhooks extends Module {
  /** Whether an endpoint of the merchant may subscribe to the type. For hot paths: up to 5 seconds stale after a change on another instance. */
  hasSubscriber(merchantId: string, type: string): Promise<boolean>
  /**
   * Writes the event and one delivery per subscribed endpoint in the caller's transaction. Writes nothing without subscribers.
   * @returns the event id; undefined when no endpoint subscribes or the event was published before
   */
  publish(tx: Tx, event: NewEvent): Promise<string | undefined>
  /** Makes the queue check for due deliveries now. `publish` does this after its commit. */
  wake(): void

  /** Throws 422 `webhooks.bad-url`, 409 `webhooks.too-many-endpoints`. */
  createEndpoint(
    tx: Tx,
    input: EndpointInput & { readonly merchantId: string; readonly livemode: boolean },
    actor: Actor,
  ): Promise<EndpointWithSecret>
  findEndpoint(q: Queryable, key: EndpointKey): Promise<Endpoint>
  /** Sorted oldest first. A merchant has at most ten. */
  listEndpoints(q: Queryable, merchantId: string): Promise<Endpoint[]>
  /** `enabled: true` also re-enables an endpoint that was disabled automatically. */
  updateEndpoint(tx: Tx, key: EndpointKey, change: EndpointChange, actor: Actor): Promise<Endpoint>
  /** Cancels the endpoint's pending deliveries. */
  deleteEndpoint(tx: Tx, key: EndpointKey, actor: Actor): Promise<void>
  /** Creates a secret. Previous secrets also sign until the overlap ends. Throws 409 `webhooks.too-many-secrets`. */
  rotateSecret(tx: Tx, key: EndpointKey, input: { overlapMs: number }, actor: Actor): Promise<EndpointWithSecret>
  /** Sends a `webhook.test` event to this endpoint, regardless of its subscriptions. Throws 409 `webhooks.endpoint-disabled`. */
  sendTest(tx: Tx, key: EndpointKey): Promise<Delivery>

  /** Sorted newest first. */
  listDeliveries(q: Queryable, query: DeliveryQuery): Promise<{ items: Delivery[]; nextCursor: string | undefined }>
  findDelivery(q: Queryable, key: { id: string; merchantId: string }): Promise<DeliveryDetail>
  /** Sends the delivery again, or a pending one now. Throws 409 `webhooks.endpoint-disabled`. */
  redeliver(tx: Tx, key: { id: string; merchantId: string }): Promise<Delivery>
  /** Redelivers a range, oldest first, at most 1,000 per call. Continue from `nextFrom` when it is set. */
  redeliverRange(tx: Tx, key: EndpointKey, range: DeliveryRange): Promise<{ count: number; nextFrom: Date | undefined }>
}

export interface WebhooksDeps {
  readonly db: Db
  readonly identity: Pick<Identity, 'audit'>
  /** Resolved lazily: the jobs are created from the modules. */
  readonly jobs: () => Pick<Jobs, 'wake'>
  readonly fetch: Pick<Fetch, 'untrusted' | 'refusalOf'>
  readonly masterKey: MasterKey
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly metrics: Metrics
}
