import type { Caller, Identity, Shop } from '#identity'
import type { Intent, Payments } from '#payments'
import type { Db } from '#platform/database/db'
import { AppError } from '#platform/base/errors'

/** Returns the shop in which a caller creates an object: the store of its key, else the store it names, else the merchant. Throws 404, 409. */
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

/** Returns whether the caller sees the payment. The key of a store sees only payments of that store. */
export const canSeePayment = ({ storeId }: Caller, { terms }: Pick<Intent, 'terms'>): boolean =>
  storeId === undefined || terms['store'] === storeId

/** Throws 404 for a payment of another store. Keys of merchants cost no query. */
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
