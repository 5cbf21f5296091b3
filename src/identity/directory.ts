import { LRUCache } from 'lru-cache'
import type { Queryable, Tx } from '#platform/db'
import type { Actor, Module } from '#platform/module'
import { CACHE_MS, createAuthenticator, requireScope } from './authenticate.ts'
import type { Identity, IdentityDeps, Merchant, PageQuery } from './face.ts'
import { createKey, revokeKey, rotateKey } from './keys.ts'
import { createLastUsed } from './lastused.ts'
import { addReturnOrigin, createMerchant, findMerchant, removeReturnOrigin, requireMerchant } from './merchants.ts'
import { createOperator, disableOperator } from './operators.ts'
import { ensureSandboxMerchant } from './sandbox.ts'
import { insertAudit, readAudit } from './store/audit.ts'
import { readKeys } from './store/keys.ts'
import { readMerchants } from './store/merchants.ts'
import { readOperators } from './store/operators.ts'

/** What identity does, without what it declares to the process. */
export type Directory = Omit<Identity, keyof Module>

export function createDirectory(deps: IdentityDeps): Directory {
  const lastUsed = createLastUsed(deps)
  const keys = createAuthenticator(deps, lastUsed.mark)
  const merchants = createMerchantCache(deps)
  /** What this process remembers is forgotten once the change is committed. */
  const changing =
    <Input, Result>(act: Change<Input, Result>) =>
    (tx: Tx, input: Input, actor: Actor): Promise<Result> => {
      tx.afterCommit(() => {
        keys.forget()
        merchants.forget()
      })
      return act(deps, tx, input, actor)
    }
  return {
    authenticate: keys.authenticate,
    requireScope,
    createMerchant: changing(createMerchant),
    findMerchant,
    requireMerchant: merchants.require,
    listMerchants: (q, page) => readMerchants(q, bounded(page)),
    addReturnOrigin: changing(addReturnOrigin),
    removeReturnOrigin: changing(removeReturnOrigin),
    createKey: changing(createKey),
    rotateKey: changing(rotateKey),
    revokeKey: changing(revokeKey),
    listKeys: (q, page) => readKeys(q, { ...bounded(page), merchantId: page.merchantId }),
    createOperator: changing(createOperator),
    disableOperator: changing(disableOperator),
    listOperators: (q, page) => readOperators(q, bounded(page)),
    audit: {
      record: (tx, entry) => insertAudit(tx, entry, deps.clock.now()),
      list: (q, page) => readAudit(q, { ...bounded(page), action: page.action, target: page.target }),
    },
    ensureSandboxMerchant: (tx, input) =>
      changing((_, inner, given: typeof input) => ensureSandboxMerchant(deps, inner, given))(tx, input, SANDBOX),
    flush: lastUsed.flush,
    close: lastUsed.close,
  }
}

type Change<Input, Result> = (deps: IdentityDeps, tx: Tx, input: Input, actor: Actor) => Promise<Result>

const SANDBOX = { type: 'system', id: 'sandbox' } as const
const LIMIT_MAX = 500

const bounded = ({ limit, cursor }: PageQuery): PageQuery => ({
  limit: Math.min(Math.max(1, limit), LIMIT_MAX),
  cursor,
})

/** Every payment that is made asks for its merchant. */
function createMerchantCache({ clock }: IdentityDeps): {
  require(q: Queryable, id: string): Promise<Merchant>
  forget(): void
} {
  const known = new LRUCache<string, Merchant>({
    max: 1_000,
    ttl: CACHE_MS,
    ttlResolution: 0,
    perf: { now: () => clock.now().getTime() },
  })
  return {
    require: async (q, id) => {
      const cached = known.get(id)
      if (cached) return cached
      const merchant = await requireMerchant(q, id)
      known.set(id, merchant)
      return merchant
    },
    forget: () => known.clear(),
  }
}
