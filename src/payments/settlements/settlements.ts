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
import { pendingOf } from './holding.ts'
import { feeOf } from './terms.ts'
import type { Settlement, Settlements } from './types.ts'

export const settlementReader: Settlements = {
  find: async (q, id) => {
    const row = isId('stl', id) ? await findSettlement(q, id) : undefined
    return row && settlementOf(row)
  },
  list: async (q, query) => {
    const rows = await listSettlements(q, query)
    const items = rows.slice(0, query.limit).map(settlementOf)
    return { items, nextCursor: rows.length > query.limit ? items.at(-1)?.id : undefined }
  },
}

function settlementOf(row: SettlementWithIntent): Settlement {
  const { id, merchantId, intentId, receiptId, owner, livemode, state, asset, dueAt, createdAt } = row
  const left = row.credited - row.returned
  const fee = row.fee ?? feeOf(asset, left, row)
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
    net: money(asset, left - fee),
    dueAt,
    settledAt: row.settledAt ?? undefined,
    createdAt,
  }
}

/** What is held back is what the pending accounts of merchants have. */
export async function checkHeld(q: Queryable, ledger: Pick<Ledger, 'balance'>): Promise<string[]> {
  const wrong: string[] = []
  for (const { account, asset, amount } of await sumHeld(q)) {
    const { code } = pendingOf(account, asset)
    const { posted } = await ledger.balance(q, code, asset)
    if (posted !== amount) wrong.push(`${code} is ${show(asset, posted)}, but ${show(asset, amount)} is held back.`)
  }
  return wrong
}

/** What was freed is what went back. */
export const checkFreed = async (q: Queryable): Promise<string[]> =>
  (await listWrongHoldReleases(q)).map(({ id, what }) => `Settlement ${id}: ${what} (minor units).`)

const show = (asset: Asset, amount: bigint): string => `${currencyOf(asset)} ${formatAmount(money(asset, amount))}`
