import type { Ledger } from '#ledger'
import { type Asset, currencyOf, formatAmount, money } from '#money'
import type { Queryable } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import {
  findSettlement,
  listSettlements,
  listWrongHoldReleases,
  type SettlementWithIntent,
  sumHeld,
} from '../store/settlements.ts'
import { pendingAccount } from './holding.ts'
import { settlementFee } from './terms.ts'
import type { Settlement, Settlements } from './types.ts'

/** Reads settlements. */
export const settlementReader: Settlements = {
  find: async (q, id) => {
    const row = isId('stl', id) ? await findSettlement(q, id) : undefined
    return row && toSettlement(row)
  },
  list: async (q, query) => {
    const rows = await listSettlements(q, query)
    const items = rows.slice(0, query.limit).map(toSettlement)
    return { items, nextCursor: rows.length > query.limit ? items.at(-1)?.id : undefined }
  },
}

function toSettlement(row: SettlementWithIntent): Settlement {
  const { id, merchantId, intentId, receiptId, owner, livemode, state, asset, dueAt, createdAt } = row
  const kept = row.credited - row.returned
  const fee = row.fee ?? settlementFee(asset, kept, row)
  return {
    id,
    merchantId,
    intentId,
    receiptId,
    owner,
    livemode,
    state,
    gross: money(asset, row.credited),
    returned: money(asset, row.returned),
    fee: money(asset, fee),
    net: money(asset, kept - fee),
    dueAt,
    settledAt: row.settledAt ?? undefined,
    createdAt,
  }
}

/** Checks that the pending accounts of merchants hold the sum of their pending settlements. Returns a sentence for each mismatch. */
export async function checkPendingBalances(q: Queryable, ledger: Pick<Ledger, 'balance'>): Promise<string[]> {
  const wrong: string[] = []
  for (const { account, asset, amount } of await sumHeld(q)) {
    const { code } = pendingAccount(account, asset)
    const { posted } = await ledger.balance(q, code, asset)
    if (posted !== amount)
      wrong.push(`${code} is ${show(asset, posted)}, but its pending settlements add up to ${show(asset, amount)}.`)
  }
  return wrong
}

/** Checks that each settlement's releases add up to its returned amount. Returns a sentence for each mismatch. */
export const checkReleases = async (q: Queryable): Promise<string[]> =>
  (await listWrongHoldReleases(q)).map(({ id, what }) => `Settlement ${id}: ${what} (minor units).`)

const show = (asset: Asset, amount: bigint): string => `${currencyOf(asset)} ${formatAmount(money(asset, amount))}`
