import { addMs } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import { Secret } from '#platform/base/secrets'
import type { Actor } from '#platform/runtime/module'
import type { WebhooksContext } from './context.ts'
import {
  countSecrets,
  endSecrets,
  insertEndpoint,
  insertSecret,
  lockEndpoints,
  markDeleted,
  readEndpoint,
  readEndpoints,
  readForChange,
  writeEndpoint,
} from './endpoint-store.ts'
import { badUrl, noSuchEndpoint, tooManyEndpoints, tooManySecrets } from './errors.ts'
import type { Endpoint, EndpointKey, Webhooks } from './types.ts'
import { closePendingDeliveries } from './queue-store.ts'
import { createSecret } from './signing.ts'

const ENDPOINTS_AT_MOST = 10
/** Each valid secret adds a signature to every message. */
const SECRETS_AT_MOST = 5
const URL_AT_MOST = 2000

type Endpoints = Pick<
  Webhooks,
  'createEndpoint' | 'findEndpoint' | 'listEndpoints' | 'updateEndpoint' | 'deleteEndpoint' | 'rotateSecret'
>

export const createEndpoints = (context: WebhooksContext): Endpoints => ({
  createEndpoint: (tx, input, actor) => createEndpoint(context, tx, input, actor),
  findEndpoint: requireEndpoint,
  listEndpoints: (q, merchantId) => readEndpoints(q, merchantId, ENDPOINTS_AT_MOST),
  updateEndpoint: (tx, key, change, actor) => updateEndpoint(context, tx, key, change, actor),
  deleteEndpoint: (tx, key, actor) => deleteEndpoint(context, tx, key, actor),
  rotateSecret: (tx, key, input, actor) => rotateSecret(context, tx, key, input, actor),
})

export const secretContext = (endpointId: string): string => `webhook-secret:${endpointId}`

export async function requireEndpoint(q: Queryable, key: EndpointKey): Promise<Endpoint> {
  const endpoint = await readEndpoint(q, key)
  if (!endpoint) throw noSuchEndpoint(key.id)
  return endpoint
}

async function requireForChange(tx: Tx, key: EndpointKey): Promise<Endpoint> {
  const endpoint = await readForChange(tx, key)
  if (!endpoint) throw noSuchEndpoint(key.id)
  return endpoint
}

async function createEndpoint(
  context: WebhooksContext,
  tx: Tx,
  input: Parameters<Webhooks['createEndpoint']>[1],
  actor: Actor,
): ReturnType<Webhooks['createEndpoint']> {
  const { merchantId } = input
  checkUrl(context, input.url)
  await lockEndpoints(tx, merchantId)
  if ((await readEndpoints(tx, merchantId, ENDPOINTS_AT_MOST)).length >= ENDPOINTS_AT_MOST) {
    throw tooManyEndpoints(ENDPOINTS_AT_MOST)
  }
  const endpoint: Endpoint = {
    id: context.ids.next('we'),
    merchantId,
    livemode: input.livemode,
    url: input.url,
    description: input.description ?? '',
    events: [...new Set(input.events)],
    createdAt: context.clock.now(),
    failingSince: undefined,
    disabledAt: undefined,
    disabledWhy: undefined,
  }
  await insertEndpoint(tx, { ...endpoint, failingSince: null, disabledAt: null, disabledWhy: null })
  const secret = await addSecret(context, tx, endpoint.id)
  await record(context, tx, endpoint, 'webhooks.endpoint-created', actor)
  return { endpoint, secret }
}

function checkUrl({ fetch }: WebhooksContext, url: string): void {
  const refusal = url.length > URL_AT_MOST ? `must have at most ${URL_AT_MOST} characters` : fetch.refusalOf(url)
  if (refusal !== undefined) throw badUrl(refusal)
}

async function addSecret({ ids, masterKey, clock }: WebhooksContext, tx: Tx, endpointId: string): Promise<Secret> {
  const secret = createSecret(ids)
  const sealed = masterKey.seal(secret, secretContext(endpointId))
  await insertSecret(tx, { id: ids.next('whs'), endpointId, sealed, createdAt: clock.now() })
  return new Secret(secret)
}

async function updateEndpoint(
  context: WebhooksContext,
  tx: Tx,
  key: EndpointKey,
  change: Parameters<Webhooks['updateEndpoint']>[2],
  actor: Actor,
): Promise<Endpoint> {
  const before = await requireForChange(tx, key)
  if (change.url !== undefined) checkUrl(context, change.url)
  const after: Endpoint = {
    ...before,
    url: change.url ?? before.url,
    events: change.events ? [...new Set(change.events)] : before.events,
    description: change.description ?? before.description,
    ...(change.enabled === true && { disabledAt: undefined, disabledWhy: undefined, failingSince: undefined }),
    // A new URL has not failed yet.
    ...(change.url !== undefined && change.url !== before.url && { failingSince: undefined }),
    ...(change.enabled === false && {
      disabledAt: before.disabledAt ?? context.clock.now(),
      disabledWhy: before.disabledWhy ?? 'requested',
    }),
  }
  await writeEndpoint(tx, after)
  if (after.disabledAt && !before.disabledAt) {
    await closePendingDeliveries(tx, { endpointId: key.id, state: 'canceled', now: context.clock.now() })
  }
  await record(context, tx, after, 'webhooks.endpoint-changed', actor)
  return after
}

async function deleteEndpoint(context: WebhooksContext, tx: Tx, key: EndpointKey, actor: Actor): Promise<void> {
  const endpoint = await requireForChange(tx, key)
  const now = context.clock.now()
  await markDeleted(tx, endpoint.id, now)
  await closePendingDeliveries(tx, { endpointId: endpoint.id, state: 'canceled', now })
  await record(context, tx, endpoint, 'webhooks.endpoint-deleted', actor)
}

async function rotateSecret(
  context: WebhooksContext,
  tx: Tx,
  key: EndpointKey,
  { overlapMs }: { overlapMs: number },
  actor: Actor,
): ReturnType<Webhooks['rotateSecret']> {
  const endpoint = await requireForChange(tx, key)
  const now = context.clock.now()
  await endSecrets(tx, endpoint.id, now, addMs(now, overlapMs))
  if ((await countSecrets(tx, endpoint.id, now)) >= SECRETS_AT_MOST) throw tooManySecrets(SECRETS_AT_MOST)
  const secret = await addSecret(context, tx, endpoint.id)
  await record(context, tx, endpoint, 'webhooks.secret-rotated', actor)
  return { endpoint, secret }
}

/** Records the change in the audit log and invalidates the subscription cache. */
async function record(
  context: WebhooksContext,
  tx: Tx,
  endpoint: Endpoint,
  action: string,
  actor: Actor,
): Promise<void> {
  const { id, merchantId, url, events, disabledAt } = endpoint
  // A URL path may contain a secret of the merchant.
  const detail = { merchant: merchantId, origin: new URL(url).origin, events, enabled: disabledAt === undefined }
  await context.identity.audit.record(tx, { actor, action, target: id, detail })
  tx.afterCommit(() => context.subscriptions.invalidate(merchantId))
}
