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

/** Placeholder for an account that the database does not know. */
const UNKNOWN_ACCOUNT: AccountRef = { id: 0n, shards: 1 }

/** Creates the functions that move or hold money. They check the input, resolve account ids and call the database functions that decide. */
export function createPosting(clock: Clock): Pick<Ledger, 'post' | 'hold' | 'settle' | 'release'> {
  const accounts = createAccounts(clock)

  /** Translates database errors to ledger errors, with account codes in place of ids. */
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
      // A cached id can be unknown after a rolled-back savepoint or a restore. The retry opens the account again.
      if (explained instanceof AppError && explained.code === 'ledger.unknown-account') accounts.clear()
      throw explained
    }
  }

  return {
    async post(q, transfers) {
      checkPosting(transfers)
      const touched = transfers.flatMap(({ from, to }) => [from, to])
      const refs = await accounts.resolve(q, touched)
      const [first, ...rest] = transfers.map(({ id, amount, from, kind, ref }, i) => {
        return {
          id,
          src: refs[2 * i] ?? UNKNOWN_ACCOUNT,
          dst: refs[2 * i + 1] ?? UNKNOWN_ACCOUNT,
          amount,
          asset: from.asset,
          kind,
          ref,
        }
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
      const hold = { id, account: (refs[0] ?? UNKNOWN_ACCOUNT).id, asset: account.asset, amount, expiresAt }
      return act([account], refs, () => placeHold(q, hold, clock.now()))
    },

    async settle(q, settlement) {
      checkMove(settlement)
      requireUuid(settlement.holdId)
      const refs = await accounts.resolve(q, [settlement.to])
      return act([settlement.to], refs, () =>
        settleHold(q, { ...settlement, dst: refs[0] ?? UNKNOWN_ACCOUNT }, clock.now()),
      )
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
  if (!first) throw badTransfer('(none)', 'is missing; a posting needs at least one transfer')
  if (transfers.length > MAX_TRANSFERS) {
    throw badTransfer(first.id, `is in a posting of ${transfers.length} transfers; the maximum is ${MAX_TRANSFERS}`)
  }
  transfers.forEach(checkTransfer)
  if (transfers.length === 1) return
  const seen = new Set<string>()
  for (const { id } of transfers) {
    if (seen.has(id)) throw badTransfer(id, 'is twice in one posting; derive another id for each purpose')
    seen.add(id)
  }
}
