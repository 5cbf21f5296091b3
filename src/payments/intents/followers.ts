import { withDeadline } from '#platform/base/deadline'
import type { Queryable } from '#platform/database/db'
import { notFound, tooManyFollowers } from '../errors.ts'
import { listVersions } from '../store/intents.ts'
import type { Intent } from './types.ts'

export interface Follow {
  follow(intentId: string, signal: AbortSignal): AsyncIterable<Intent>
  /**
   * Notifies followers that a commit of this process changed the intent, so that they need not wait for the next poll.
   */
  changed(intentId: string): void
  readonly size: number
}

interface Follower {
  readonly intentId: string
  seen: number
  stale: boolean
  wake: () => void
}

export interface FollowOptions {
  readonly db: Queryable
  readonly load: (intentId: string) => Promise<Intent | undefined>
  readonly onError: (error: unknown) => void
  readonly most?: number
  readonly everyMs?: number
  /** Deadline of one read in milliseconds. Default: 45 s. */
  readonly limitMs?: number
}

/** Maximum followers (open pages) per instance. Each takes a few hundred bytes and shares one query a second. */
const MAX_FOLLOWERS = 5000
const EVERY_MS = 1000
const READ_LIMIT_MS = 45_000

/**
 * Creates the follower registry. One query a second reads the versions of all followed intents; without followers there
 * is no query.
 */
export function createFollow(options: FollowOptions): Follow {
  const { db, load, onError, most = MAX_FOLLOWERS, everyMs = EVERY_MS, limitMs = READ_LIMIT_MS } = options
  const followers = new Set<Follower>()
  let timer: NodeJS.Timeout | undefined
  let polling = false

  const poll = async (): Promise<void> => {
    if (polling) return
    polling = true
    try {
      const ids = [...new Set([...followers].map(({ intentId }) => intentId))]
      const versions = await withDeadline({ name: 'A poll for followers', limitMs }, () => listVersions(db, ids))
      const known = new Map(versions.map(({ id, version }) => [id, version]))
      for (const follower of followers) if ((known.get(follower.intentId) ?? 0) > follower.seen) markStale(follower)
    } catch (error) {
      onError(error)
    } finally {
      polling = false
    }
  }
  const add = (follower: Follower): void => {
    if (followers.size >= most) throw tooManyFollowers()
    followers.add(follower)
    timer ??= setInterval(() => void poll(), everyMs).unref()
  }
  const remove = (follower: Follower): void => {
    followers.delete(follower)
    if (followers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  async function* follow(intentId: string, signal: AbortSignal): AsyncGenerator<Intent> {
    const follower: Follower = { intentId, seen: 0, stale: true, wake: () => undefined }
    add(follower)
    try {
      while (!signal.aborted) {
        // Reset before the read, so that a change during the read is not missed.
        follower.stale = false
        const intent = await withDeadline({ name: 'A read for a follower', limitMs }, () => load(intentId))
        if (!intent) throw notFound()
        if (intent.version > follower.seen) {
          follower.seen = intent.version
          yield intent
        }
        await untilStale(follower, signal)
      }
    } finally {
      remove(follower)
    }
  }

  return {
    follow,
    changed: (intentId) => {
      for (const follower of followers) if (follower.intentId === intentId) markStale(follower)
    },
    get size() {
      return followers.size
    },
  }
}

function markStale(follower: Follower): void {
  follower.stale = true
  follower.wake()
}

function untilStale(follower: Follower, signal: AbortSignal): Promise<void> {
  if (follower.stale || signal.aborted) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = (): void => {
    signal.removeEventListener('abort', done)
    follower.wake = () => undefined
    resolve()
  }
  follower.wake = done
  signal.addEventListener('abort', done)
  return promise
}
