import { AppError } from '#platform/base/errors'
import type { Queryable, Tx } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import type { Actor } from '#platform/runtime/module'
import { applyBrandChange, deleteUnusedLogo } from './brand.ts'
import { badInput, unknownStore } from './errors.ts'
import type { IdentityDeps, NewStore, Shop, Store, StoreChange } from './types.ts'
import { parseOrigin, requireMerchant, requireName } from './merchants.ts'
import { countStores, insertStore, readStore, readStoreForChange, writeStore } from './store/stores.ts'

const STORES_AT_MOST = 200
const ORIGINS_AT_MOST = 50
const METHODS_AT_MOST = 10

export async function createStore(
  deps: IdentityDeps,
  tx: Tx,
  { merchantId, requestKey, ...input }: NewStore,
  actor: Actor,
): Promise<Store> {
  const merchant = await requireMerchant(tx, merchantId)
  if ((await countStores(tx, merchant.id)) >= STORES_AT_MOST)
    throw new AppError(
      'identity.too-many-stores',
      409,
      `A merchant can have at most ${STORES_AT_MOST} stores. Change an existing store instead.`,
    )
  const at = deps.clock.now()
  const empty: Store = {
    id: deps.ids.next('sto'),
    merchantId: merchant.id,
    name: '',
    locale: undefined,
    brand: { colour: null, logo: null },
    returnOrigins: [],
    methods: [],
    createdAt: at,
    archivedAt: undefined,
  }
  const store = await applyChange(deps, tx, empty, input)
  const detail = { merchant: merchant.id, name: store.name }
  const entry = { actor, action: 'identity.store-created', target: store.id, detail }
  await insertStore(tx, store, requestKey, { entry, at })
  return store
}

export async function updateStore(
  deps: IdentityDeps,
  tx: Tx,
  { id, merchantId, ...input }: { id: string; merchantId?: string | undefined } & StoreChange,
  actor: Actor,
): Promise<Store> {
  const before = isId('sto', id) ? await readStoreForChange(tx, id) : undefined
  if (!before || (merchantId !== undefined && before.merchantId !== merchantId)) throw unknownStore(id)
  const store = await applyChange(deps, tx, before, input)
  const detail = { merchant: store.merchantId, changed: Object.keys(input).toSorted() }
  const entry = { actor, action: 'identity.store-changed', target: id, detail }
  await writeStore(tx, store, { entry, at: deps.clock.now() })
  await deleteUnusedLogo(tx, before.brand, store.brand)
  return store
}

async function applyChange({ mode, clock }: IdentityDeps, tx: Tx, before: Store, input: StoreChange): Promise<Store> {
  const { name, locale, colour, logo, returnOrigins, methods, archived } = input
  if ((returnOrigins?.length ?? 0) > ORIGINS_AT_MOST)
    throw badInput('return_origins', `A store can have at most ${ORIGINS_AT_MOST} return origins.`)
  if ((methods?.length ?? 0) > METHODS_AT_MOST)
    throw badInput('methods', `A store can have at most ${METHODS_AT_MOST} methods.`)
  const archivedAt = archived ? (before.archivedAt ?? clock.now()) : undefined
  return {
    ...before,
    name: name === undefined && before.name !== '' ? before.name : requireName(name ?? ''),
    locale: locale === undefined ? before.locale : (locale ?? undefined),
    brand: await applyBrandChange(tx, before.brand, { colour, logo }, clock.now()),
    returnOrigins: returnOrigins
      ? [...new Set(returnOrigins.map((origin) => parseOrigin(origin, mode)))]
      : before.returnOrigins,
    methods: methods ? [...new Set(methods)] : before.methods,
    archivedAt: archived === undefined ? before.archivedAt : archivedAt,
  }
}

export async function requireStore(
  q: Queryable,
  { id, merchantId }: { id: string; merchantId?: string | undefined },
): Promise<Store> {
  const store = isId('sto', id) ? await readStore(q, id) : undefined
  if (!store || (merchantId !== undefined && store.merchantId !== merchantId)) throw unknownStore(id)
  return store
}

/** Returns the merchant or store as payers see it. Settings that the store lacks are the merchant's. */
export async function requireShop(q: Queryable, merchantId: string, storeId?: string): Promise<Shop> {
  const merchant = await requireMerchant(q, merchantId)
  const own = { merchantId: merchant.id, livemode: merchant.livemode, toleranceBps: merchant.toleranceBps }
  if (storeId === undefined) {
    const { name, locale, brand, returnOrigins } = merchant
    return { ...own, storeId, name, locale, brand, returnOrigins, methods: [], archived: false }
  }
  const store = await requireStore(q, { id: storeId, merchantId })
  return {
    ...own,
    storeId,
    name: store.name,
    locale: store.locale ?? merchant.locale,
    brand: {
      colour: store.brand.colour ?? merchant.brand.colour,
      logo: store.brand.logo ?? merchant.brand.logo,
    },
    returnOrigins: store.returnOrigins.length > 0 ? store.returnOrigins : merchant.returnOrigins,
    methods: store.methods,
    archived: store.archivedAt !== undefined,
  }
}
