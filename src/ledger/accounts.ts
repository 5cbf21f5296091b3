import type { Clock } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import { openAccounts, type AccountRef, type AccountRow } from './store.ts'
import { badAccount, checkAccount, type Account } from './transfer.ts'

/** Accounts as the database knows them, opened on first use. */
export interface Accounts {
  /** In the order asked. Throws `ledger.bad-account`, also when an account is open with another policy. */
  resolve(q: Queryable, accounts: readonly Account[]): Promise<AccountRef[]>
  /** Forgets those in memory: after the database did not know one. */
  forget(): void
}

type Known = Pick<AccountRow, 'id' | 'nonneg' | 'shards'>

/** Accounts in memory at most. All are forgotten then: to open one again costs little, to keep count of their use costs each posting. */
const MOST_KNOWN = 50_000

const keyOf = ({ code, asset }: { code: string; asset: string }): string => `${code} ${asset}`

/**
 * Accounts never change, so one may stay in memory for good; but only when it is committed: a transaction that rolls back takes the
 * accounts it opened with it.
 */
export function createAccounts(clock: Clock): Accounts {
  const cache = new Map<string, Known>()

  const open = async (q: Queryable, missing: ReadonlyMap<string, Account>): Promise<Map<string, Known>> => {
    const wanted = [...missing.values()]
    wanted.forEach(checkAccount)
    const rows = await openAccounts(
      q,
      wanted.map(({ code, asset, mayOverdraw, shards = 1 }) => ({ code, asset, nonneg: !mayOverdraw, shards })),
      clock.now(),
    )
    const opened = new Map(rows.map((row) => [keyOf(row), { id: row.id, nonneg: row.nonneg, shards: row.shards }]))
    const remember = (): void => {
      if (cache.size + opened.size > MOST_KNOWN) cache.clear()
      opened.forEach((known, key) => cache.set(key, known))
    }
    if (isTx(q)) q.afterCommit(remember)
    else remember()
    return opened
  }

  return {
    async resolve(q, accounts) {
      const keys = accounts.map(keyOf)
      const found = keys.map((key) => cache.get(key))
      if (found.includes(undefined)) {
        const missing = new Map(accounts.flatMap((account, i) => (found[i] ? [] : [[keys[i] ?? '', account] as const])))
        const opened = await open(q, missing)
        keys.forEach((key, i) => (found[i] ??= opened.get(key)))
      }
      return accounts.map((account, i) => requirePolicy(account, found[i]))
    },
    forget: () => cache.clear(),
  }
}

const isTx = (q: Queryable): q is Tx => 'isTransaction' in q

function requirePolicy({ code, mayOverdraw }: Account, known: Known | undefined): AccountRef {
  if (!known) throw badAccount(code, 'did not open')
  if (known.nonneg === !mayOverdraw) return known
  const policy = known.nonneg ? 'may not go below zero' : 'may go below zero'
  throw badAccount(code, `it is open as one that ${policy}; use the same mayOverdraw everywhere`)
}
