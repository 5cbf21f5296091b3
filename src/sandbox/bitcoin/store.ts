import { sql, type Db, type Queryable, type Tx } from '#platform/database/db'
import { newChain, type Chain } from './chain.ts'

/** Serializes the chain. Amounts are text. */
const write = (chain: Chain): string =>
  JSON.stringify(chain, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
const parse = (body: string): Chain =>
  JSON.parse(body, (key, value: unknown) => (key === 'sats' ? BigInt(value as string) : value)) as Chain

/** Stores the chain as one row. The parsed chain is cached until the row changes. */
export interface ChainStore {
  /** Returns the chain, creating it when there is none. Callers must not change it. */
  read(time: number): Promise<Chain>
  /** Passes the locked chain to `act` and stores it afterwards. */
  change<T>(time: number, act: (chain: Chain) => T): Promise<T>
}

export function createChainStore(db: Db): ChainStore {
  let kept: { version: bigint; chain: Chain } | undefined

  const find = async (q: Queryable): Promise<{ version: bigint; body: string } | undefined> =>
    q.maybe(sql`select version, body from sandbox.bitcoin where id = 1`)

  async function read(time: number): Promise<Chain> {
    const now = await db.maybe<{ version: bigint }>(sql`select version from sandbox.bitcoin where id = 1`)
    if (!now) {
      await change(time, () => undefined)
      return read(time)
    }
    if (kept?.version === now.version) return kept.chain
    const row = await find(db)
    kept = row && { version: row.version, chain: parse(row.body) }
    return kept?.chain ?? newChain(time)
  }

  const change = <T>(time: number, act: (chain: Chain) => T): Promise<T> =>
    db.transaction(async (tx: Tx) => {
      await tx.run(sql`lock table sandbox.bitcoin in share row exclusive mode`)
      const row = await find(tx)
      const chain = row ? parse(row.body) : newChain(time)
      const result = act(chain)
      await tx.run(sql`insert into sandbox.bitcoin (id, version, body) values (1, 1, ${write(chain)})
        on conflict (id) do update set version = sandbox.bitcoin.version + 1, body = excluded.body`)
      return result
    })

  return { read, change }
}
