import type { Clock } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import { openAccounts, type AccountRef, type AccountRow } from './store.ts'
import { badAccount, checkAccount, type Account } from './transfer.ts'

/** Resolves accounts to their database ids. Opens accounts on first use. */
export interface Accounts {
  /** Returns refs in the order of the input. Throws `ledger.bad-account`, also for an account that is open with another policy. */
  resolve(q: Queryable, accounts: readonly Account[]): Promise<AccountRef[]>
  /** Clears the cache, after the database did not know a cached account. */
  clear(): void
}

type CachedAccount = Pick<AccountRow, 'id' | 'nonneg' | 'shards'>

/** Maximum cached accounts; at the limit the whole cache is cleared. Reopening is cheap, while LRU bookkeeping would cost each posting. */
const MAX_CACHED = 50_000

const keyOf = ({ code, asset }: { code: string; asset: string }): string => `${code} ${asset}`

/**
 * Accounts never change, so cache entries do not expire. Only committed accounts are cached, because a rollback removes the accounts that
 * its transaction opened.
 */
export function createAccounts(clock: Clock): Accounts {
  const cache = new Map<string, CachedAccount>()

  const open = async (q: Queryable, missing: ReadonlyMap<string, Account>): Promise<Map<string, CachedAccount>> => {
    const wanted = [...missing.values()]
    wanted.forEach(checkAccount)
    const rows = await openAccounts(
      q,
      wanted.map(({ code, asset, mayOverdraw, shards = 1 }) => ({ code, asset, nonneg: !mayOverdraw, shards })),
      clock.now(),
    )
    const opened = new Map(rows.map((row) => [keyOf(row), { id: row.id, nonneg: row.nonneg, shards: row.shards }]))
    const remember = (): void => {
      if (cache.size + opened.size > MAX_CACHED) cache.clear()
      opened.forEach((cached, key) => cache.set(key, cached))
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
    clear: () => cache.clear(),
  }
}

const isTx = (q: Queryable): q is Tx => 'isTransaction' in q

function requirePolicy({ code, mayOverdraw }: Account, cached: CachedAccount | undefined): AccountRef {
  if (!cached) throw badAccount(code, 'did not open')
  if (cached.nonneg === !mayOverdraw) return cached
  const policy = cached.nonneg ? 'may not go below zero' : 'may go below zero'
  throw badAccount(code, `it is open as an account that ${policy}; use the same mayOverdraw everywhere`)
}
