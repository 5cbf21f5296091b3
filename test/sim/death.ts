import type { Db } from '#platform/database/db'

const WRITES = /^\s*(?:insert|update|delete|with)\b/i

/** Lets a program die right after one of its commits: nothing that would follow is done, and whoever waits for it hears nothing. */
export interface Mortal {
  /** After so many commits from now on; undefined: not. */
  dieAfter(commits: number | undefined): void
}

interface Client {
  query(...given: unknown[]): Promise<unknown>
  release(broken?: Error): void
}

export function makeMortal({ pool }: Db, died: () => void): Mortal {
  let left: number | undefined
  let isDead = false
  const live = async <T>(act: () => Promise<T>, commits: boolean): Promise<T> => {
    if (isDead) throw new Error('the program is dead')
    const result = await act()
    if (!commits || left === undefined || --left > 0) return result
    isDead = true
    died()
    throw new Error('the program died')
  }
  const query = pool.query.bind(pool) as Client['query']
  const connect = pool.connect.bind(pool) as (...given: unknown[]) => Promise<Client>
  const mortal = (client: Client): Client => ({
    query: (...given) => live(() => client.query(...given), given[0] === 'commit'),
    release: (broken) => client.release(broken),
  })
  Object.assign(pool, {
    query: (...given: unknown[]) => live(() => query(...given), WRITES.test((given[0] as { text: string }).text)),
    // The pool's own queries come with a callback, and are counted above.
    connect: async (...given: unknown[]) =>
      given.length > 0 ? connect(...given) : mortal(await live(() => connect(), false)),
  })
  return { dieAfter: (commits) => void (left = commits) }
}
