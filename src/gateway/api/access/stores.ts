import type { Caller, Identity, Shop } from '#identity'
import type { Intent, Payments } from '#payments'
import type { Db } from '#platform/database/db'
import { AppError } from '#platform/base/errors'

/** The shop that a caller makes something in: the store of its key, else the one that it names, else the merchant itself. */
export async function shopOf(
  { identity, db }: { readonly identity: Identity; readonly db: Db },
  { merchantId, storeId }: Pick<Caller, 'merchantId' | 'storeId'>,
  asked: string | undefined,
): Promise<Shop> {
  if (storeId !== undefined && asked !== undefined && asked !== storeId) throw unknownStore(asked)
  const shop = await identity.requireShop(db, merchantId, storeId ?? asked)
  if (shop.archived) {
    throw new AppError(
      'identity.store-archived',
      409,
      `The store ${String(shop.storeId)} is archived: restore it first.`,
      {
        param: 'store',
      },
    )
  }
  return shop
}

/** The key of a store sees what is of that store. */
export const canSeePayment = ({ storeId }: Caller, { terms }: Pick<Intent, 'terms'>): boolean =>
  storeId === undefined || terms['store'] === storeId

/** Throws 404 for what is another store's. Costs keys of merchants nothing. */
export async function requireVisiblePayment(
  { payments, db }: { readonly payments: Pick<Payments, 'find'>; readonly db: Db },
  caller: Caller,
  id: string,
): Promise<void> {
  if (caller.storeId === undefined) return
  const intent = await payments.find(db, { id, merchantId: caller.merchantId })
  if (!intent || !canSeePayment(caller, intent)) throw noSuchPayment(id)
}

export const noSuchPayment = (id: string): AppError =>
  new AppError('payments.not-found', 404, `There is no payment ${id}.`, { param: 'id' })

const unknownStore = (id: string): AppError =>
  new AppError('identity.unknown-store', 404, `There is no store ${id}. See: npx purser store list`, { param: 'store' })
