import type { Caller } from '#identity'
import type { Reply, Request } from '#platform/web/http'
import { hashRequest, idempotencyKeyOf } from '#platform/web/idempotency'
import type { Api } from './api.ts'

/**
 * The Idempotency-Key of a request, as it is kept. Those of a store are its own, like its order numbers: neither of two stores sees what
 * the other made by the same key. No caller can send a line end.
 */
export function scopedKeyOf({ storeId }: Pick<Caller, 'storeId'>, request: Request): string | undefined {
  const key = idempotencyKeyOf(request)
  return key === undefined || storeId === undefined ? key : `${storeId}\n${key}`
}

/** `body` is kept: no secret in it. */
interface Made<B> {
  readonly status: number
  readonly body: B
}

/**
 * Acts once for each Idempotency-Key of the caller at this address, and says so when the answer is that of before. Without a key it just
 * acts. `rebuild` finds what was done by a process that died before it could say so; without it `act` may run again. What is made keeps the
 * key, so that it is found.
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
