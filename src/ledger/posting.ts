import type { Clock } from '#platform/base/clock'
import { AppError } from '#platform/base/errors'
import { createAccounts } from './accounts.ts'
import type { Ledger } from './types.ts'
import { toLedgerError } from './errors.ts'
import { placeHold, postMany, postOne, releaseHold, settleHold, type AccountRef } from './store.ts'
import {
  badTransfer,
  checkMove,
  checkTransfer,
  MAX_TRANSFERS,
  requireAmount,
  requireUuid,
  type Account,
  type Transfer,
} from './transfer.ts'

/** An account that the database does not know. */
const NOBODY: AccountRef = { id: 0n, shards: 1 }

/** What moves money or sets it aside: checks, finds the accounts' ids, and calls the function of the database that decides. */
export function createPosting(clock: Clock): Pick<Ledger, 'post' | 'hold' | 'settle' | 'release'> {
  const accounts = createAccounts(clock)

  /** What the database refuses comes back as our errors, with codes in place of ids. */
  const act = async <T>(
    touched: readonly Account[],
    refs: readonly AccountRef[],
    run: () => Promise<T>,
  ): Promise<T> => {
    try {
      return await run()
    } catch (error) {
      const nameOf = (id: string): string =>
        touched[refs.findIndex((known) => String(known.id) === id)]?.code ?? `no. ${id}`
      const explained = toLedgerError(error, nameOf)
      // An id that the database does not know came from a savepoint or a restore; the next try opens the account again.
      if (explained instanceof AppError && explained.code === 'ledger.unknown-account') accounts.forget()
      throw explained
    }
  }

  return {
    async post(q, transfers) {
      checkPosting(transfers)
      const touched = transfers.flatMap(({ from, to }) => [from, to])
      const refs = await accounts.resolve(q, touched)
      const [first, ...rest] = transfers.map(({ id, amount, from, kind, ref }, i) => {
        return { id, src: refs[2 * i] ?? NOBODY, dst: refs[2 * i + 1] ?? NOBODY, amount, asset: from.asset, kind, ref }
      })
      if (!first) return 'repeated'
      const now = clock.now()
      const posted = await act(touched, refs, () =>
        rest.length === 0 ? postOne(q, first, now) : postMany(q, [first, ...rest], now),
      )
      return posted ? 'posted' : 'repeated'
    },

    async hold(q, { id, account, amount, expiresAt }) {
      requireUuid(id)
      requireAmount(id, amount)
      const refs = await accounts.resolve(q, [account])
      const hold = { id, account: (refs[0] ?? NOBODY).id, asset: account.asset, amount, expiresAt }
      return act([account], refs, () => placeHold(q, hold, clock.now()))
    },

    async settle(q, settlement) {
      checkMove(settlement)
      requireUuid(settlement.holdId)
      const refs = await accounts.resolve(q, [settlement.to])
      return act([settlement.to], refs, () => settleHold(q, { ...settlement, dst: refs[0] ?? NOBODY }, clock.now()))
    },

    async release(q, holdId) {
      requireUuid(holdId)
      return releaseHold(q, holdId, clock.now())
    },
  }
}

/** Throws `ledger.bad-transfer`. */
function checkPosting(transfers: readonly Transfer[]): void {
  const [first] = transfers
  if (!first) throw badTransfer('(none)', 'is missing: there is nothing to post')
  if (transfers.length > MAX_TRANSFERS) {
    throw badTransfer(first.id, `stands in a posting of ${transfers.length}; ${MAX_TRANSFERS} are the most`)
  }
  transfers.forEach(checkTransfer)
  if (transfers.length === 1) return
  const seen = new Set<string>()
  for (const { id } of transfers) {
    if (seen.has(id)) throw badTransfer(id, 'stands twice in one posting; derive another id for each purpose')
    seen.add(id)
  }
}
