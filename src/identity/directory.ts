import { LRUCache } from 'lru-cache'
import type { Queryable, Tx } from '#platform/database/db'
import type { Actor, Module } from '#platform/runtime/module'
import { CACHE_MS, createAuthenticator, requireScope } from './authenticate.ts'
import type { Identity, IdentityDeps, PageQuery } from './types.ts'
import { createKey, revokeKey, rotateKey } from './keys.ts'
import { createKeyUsage } from './key-usage.ts'
import { addMember, removeMember, findEffectiveRole } from './members.ts'
import {
  addReturnOrigin,
  createMerchant,
  findMerchant,
  removeReturnOrigin,
  requireMerchant,
  updateMerchant,
} from './merchants.ts'
import { createOperator, disableOperator } from './operators.ts'
import { ensureSandboxMerchant } from './sandbox.ts'
import { findDestination, setDestination, setSettlement } from './settlement.ts'
import { createStore, requireShop, requireStore, updateStore } from './stores.ts'
import { insertAudit, readAudit } from './store/audit.ts'
import { readKeys } from './store/keys.ts'
import { readLogo } from './store/logos.ts'
import { readMembers } from './store/members.ts'
import { readMerchants } from './store/merchants.ts'
import { readOperators } from './store/operators.ts'
import { readStoreByRequest, readStores } from './store/stores.ts'

/** The functions of identity without its `Module` declarations. */
export type Directory = Omit<Identity, keyof Module>

export function createDirectory(deps: IdentityDeps): Directory {
  const keyUsage = createKeyUsage(deps)
  const keys = createAuthenticator(deps, keyUsage.mark)
  const merchants = createCache(deps, (q, [id]) => requireMerchant(q, id ?? ''))
  const shops = createCache(deps, (q, [id, storeId]) => requireShop(q, id ?? '', storeId))
  /** Runs a change and invalidates this process's caches once it has committed. */
  const withInvalidation =
    <Input, Result>(act: Change<Input, Result>) =>
    (tx: Tx, input: Input, actor: Actor): Promise<Result> => {
      tx.afterCommit(() => {
        keys.clear()
        merchants.clear()
        shops.clear()
      })
      return act(deps, tx, input, actor)
    }
  return {
    authenticate: keys.authenticate,
    requireScope,
    createMerchant: withInvalidation(createMerchant),
    findMerchant,
    requireMerchant: (q, id) => merchants.require(q, id),
    updateMerchant: withInvalidation(updateMerchant),
    setSettlement: withInvalidation(setSettlement),
    setDestination: withInvalidation(setDestination),
    findDestination: (q, merchantId) => findDestination(deps, q, merchantId),
    findLogo: readLogo,
    listMerchants: (q, page) => readMerchants(q, clampLimit(page)),
    addReturnOrigin: withInvalidation(addReturnOrigin),
    removeReturnOrigin: withInvalidation(removeReturnOrigin),
    createStore: withInvalidation(createStore),
    updateStore: withInvalidation(updateStore),
    findStoreByRequest: readStoreByRequest,
    requireStore,
    listStores: (q, page) => readStores(q, { ...clampLimit(page), merchantId: page.merchantId }),
    requireShop: (q, id, storeId) => (storeId === undefined ? shops.require(q, id) : shops.require(q, id, storeId)),
    addMember: withInvalidation(addMember),
    removeMember: withInvalidation(removeMember),
    listMembers: (q, merchantId) => readMembers(q, merchantId, LIMIT_MAX),
    findEffectiveRole,
    createKey: withInvalidation(createKey),
    rotateKey: withInvalidation(rotateKey),
    revokeKey: withInvalidation(revokeKey),
    listKeys: (q, page) => readKeys(q, { ...clampLimit(page), merchantId: page.merchantId }),
    createOperator: withInvalidation(createOperator),
    disableOperator: withInvalidation(disableOperator),
    listOperators: (q, page) => readOperators(q, clampLimit(page)),
    audit: {
      record: (tx, entry) => insertAudit(tx, { entry, at: deps.clock.now() }),
      list: (q, page) => readAudit(q, { ...clampLimit(page), action: page.action, target: page.target }),
    },
    ensureSandboxMerchant: (tx, input) =>
      withInvalidation((_, inner, given: typeof input) => ensureSandboxMerchant(deps, inner, given))(
        tx,
        input,
        SANDBOX,
      ),
    flush: keyUsage.flush,
    close: keyUsage.close,
  }
}

type Change<Input, Result> = (deps: IdentityDeps, tx: Tx, input: Input, actor: Actor) => Promise<Result>

const SANDBOX = { type: 'system', id: 'sandbox' } as const
const LIMIT_MAX = 500

const clampLimit = ({ limit, cursor }: PageQuery): PageQuery => ({
  limit: Math.min(Math.max(1, limit), LIMIT_MAX),
  cursor,
})

interface Cache<T> {
  require(q: Queryable, ...ids: string[]): Promise<T>
  clear(): void
}

/** Caches merchants and stores, because every new payment reads its merchant. */
function createCache<T extends object>(
  { clock }: IdentityDeps,
  read: (q: Queryable, ids: readonly string[]) => Promise<T>,
): Cache<T> {
  const known = new LRUCache<string, T>({
    max: 1_000,
    ttl: CACHE_MS,
    ttlResolution: 0,
    perf: { now: () => clock.now().getTime() },
  })
  return {
    require: async (q, ...ids) => {
      const key = ids.join(' ')
      const cached = known.get(key)
      if (cached) return cached
      const found = await read(q, ids)
      known.set(key, found)
      return found
    },
    clear: () => known.clear(),
  }
}
