import { sql, type Db, type Queryable, type Tx } from '#platform/db'
import { newChain, type Chain } from './chain.ts'

/** Amounts are text in the row. */
const write = (chain: Chain): string =>
  JSON.stringify(chain, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
const read = (body: string): Chain =>
  JSON.parse(body, (key, value: unknown) => (key === 'sats' ? BigInt(value as string) : value)) as Chain

async function find(q: Queryable, time: number): Promise<Chain> {
  const row = await q.maybe<{ body: string }>(sql`select body from sandbox.bitcoin where id = 1`)
  return row ? read(row.body) : newChain(time)
}

/** The chain as it is; a new one where there is none yet. */
export const readChain = (db: Db, time: number): Promise<Chain> => find(db, time)

/** The chain to change; it is kept when `act` resolves. */
export const changeChain = <T>(db: Db, time: number, act: (chain: Chain) => T): Promise<T> =>
  db.transaction(async (tx: Tx) => {
    await tx.run(sql`lock table sandbox.bitcoin in share row exclusive mode`)
    const chain = await find(tx, time)
    const result = act(chain)
    await tx.run(sql`insert into sandbox.bitcoin (id, body) values (1, ${write(chain)})
      on conflict (id) do update set body = excluded.body`)
    return result
  })
