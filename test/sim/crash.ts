import type { Db } from '#platform/database/db'

const WRITES = /^\s*(?:insert|update|delete|with)\b/i

/** Makes a program crash right after one of its commits: later database calls fail, so nothing that would follow is done. */
export interface Crashable {
  /** Crashes after this many more commits. Undefined: no crash. */
  crashAfter(commits: number | undefined): void
}

interface Client {
  query(...given: unknown[]): Promise<unknown>
  release(broken?: Error): void
}

export function makeCrashable({ pool }: Db, onCrash: () => void): Crashable {
  let left: number | undefined
  let hasCrashed = false
  const live = async <T>(act: () => Promise<T>, commits: boolean): Promise<T> => {
    if (hasCrashed) throw new Error('the program is dead')
    const result = await act()
    if (!commits || left === undefined || --left > 0) return result
    hasCrashed = true
    onCrash()
    throw new Error('the program died')
  }
  const query = pool.query.bind(pool) as Client['query']
  const connect = pool.connect.bind(pool) as (...given: unknown[]) => Promise<Client>
  const crashable = (client: Client): Client => ({
    query: (...given) => live(() => client.query(...given), given[0] === 'commit'),
    release: (broken) => client.release(broken),
  })
  Object.assign(pool, {
    query: (...given: unknown[]) => live(() => query(...given), WRITES.test((given[0] as { text: string }).text)),
    // Queries on the pool itself connect with a callback. They are counted above.
    connect: async (...given: unknown[]) =>
      given.length > 0 ? connect(...given) : crashable(await live(() => connect(), false)),
  })
  return { crashAfter: (commits) => void (left = commits) }
}
