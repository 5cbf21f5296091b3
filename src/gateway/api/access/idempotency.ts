import type { Caller } from '#identity'
import type { Reply, Request } from '#platform/web/http'
import { hashRequest, idempotencyKeyOf } from '#platform/web/idempotency'
import type { Api } from './api.ts'

/**
 * Returns the Idempotency-Key of a request as it is stored. Each store has its own namespace of keys, so two stores that use the same key
 * do not see each other's objects. The line break separates store and key, because no caller can send one.
 */
export function scopedKeyOf({ storeId }: Pick<Caller, 'storeId'>, request: Request): string | undefined {
  const key = idempotencyKeyOf(request)
  return key === undefined || storeId === undefined ? key : `${storeId}\n${key}`
}

/** `body` is stored, so it must hold no secret. */
interface Made<B> {
  readonly status: number
  readonly body: B
}

/**
 * Runs `act` once for each Idempotency-Key of the caller on this route. A repeated request gets the stored response and the header
 * `Idempotent-Replayed`. Without a key, `act` just runs. `rebuild` finds the object of a process that died before it stored its response;
 * without `rebuild`, `act` may run again. The created object stores the key, so that `rebuild` finds it.
 */
export async function runIdempotent<B>(
  { access, db, idempotency }: Pick<Api, 'access' | 'db' | 'idempotency'>,
  request: Request,
  reply: Reply,
  act: (key?: string) => Promise<Made<B>>,
  rebuild?: (since: Date, key: string) => Promise<Made<B> | undefined>,
): Promise<Made<B>> {
  const caller = access.callerOf(request)
  const key = scopedKeyOf(caller, request)
  if (key === undefined) return act()
  const { merchantId } = caller
  const { method } = request
  const path = request.url.split('?', 1)[0] ?? ''
  const hash = hashRequest(method, path, request.body)
  const scope = `${merchantId} ${method} ${path}`
  const found = rebuild && { rebuild: (since: Date) => rebuild(since, key) }
  const answer = await idempotency.run(db, { scope, key, hash, ...found }, () => act(key))
  if (answer.replayed) reply.header('idempotent-replayed', 'true')
  return answer
}
