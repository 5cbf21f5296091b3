import type { Clock } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import type { Db, Queryable, Tx } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import type { Log } from '#platform/observe/log'
import type { MasterKey } from '#platform/environment/masterkey'
import type { Actor, Module } from '#platform/runtime/module'

export type Locale = 'en' | 'sw'

/** Brand of a merchant or store, shown to payers. Null means the program's default. */
export interface Brand {
  /** `#rrggbb` */
  readonly colour: string | null
  /** File name of the logo, `<hash>.png`. `findLogo` returns its content. */
  readonly logo: string | null
}

export interface Logo {
  /** `image/png` */
  readonly type: string
  readonly bytes: Buffer
}

/** When received money becomes available to the merchant, and the fees kept from it. */
export interface SettlementTerms {
  readonly holdDays: number
  /** Fee on each receipt, in basis points. */
  readonly feeBps: number
  /** Fixed fee on each receipt: minor units by currency, as text. */
  readonly feeFixed: Readonly<Record<string, string>>
}

export interface SettlementChange {
  readonly merchantId: string
  /** 0 to 365. */
  readonly holdDays?: number | undefined
  /** 0 to 10000. */
  readonly feeBps?: number | undefined
  /** Amounts such as `10.00` by currency. A currency that is missing has no fixed fee. */
  readonly feeFixed?: Readonly<Record<string, string>> | undefined
}

/** Account that settlements are paid to. */
export type Destination =
  | { readonly kind: 'mpesa'; readonly phone: string }
  | { readonly kind: 'bank'; readonly bank: string; readonly account: string; readonly holder: string }

export interface MaskedDestination {
  readonly kind: Destination['kind']
  /** Last characters, such as `…5678`. */
  readonly ends: string
}

export interface Merchant {
  readonly id: string
  readonly name: string
  readonly livemode: boolean
  readonly locale: Locale
  readonly brand: Brand
  /** Maximum underpayment that still counts as paid, in basis points of the amount due. */
  readonly toleranceBps: number
  readonly settlement: SettlementTerms
  /** Settlement destination in its displayable form. Null when none is set. */
  readonly destination: MaskedDestination | null
  /** Origins that payers may return to, such as `https://shop.example`. */
  readonly returnOrigins: readonly string[]
  readonly createdAt: Date
}

/** A shop of a merchant with its own brand, methods and keys. */
export interface Store {
  /** `sto_…` */
  readonly id: string
  readonly merchantId: string
  readonly name: string
  /** Undefined: the store uses the merchant's. */
  readonly locale: Locale | undefined
  readonly brand: Brand
  /** Empty: the store uses the merchant's. */
  readonly returnOrigins: readonly string[]
  /** Payment methods in display order. Empty: all methods. */
  readonly methods: readonly string[]
  readonly createdAt: Date
  /** Set when the store is archived. An archived store accepts no new objects. */
  readonly archivedAt: Date | undefined
}

/** Changes to a store. Undefined keeps a value, null removes it. */
export interface StoreChange {
  readonly name?: string | undefined
  readonly locale?: Locale | null | undefined
  readonly colour?: string | null | undefined
  readonly logo?: Buffer | null | undefined
  readonly returnOrigins?: readonly string[] | undefined
  readonly methods?: readonly string[] | undefined
  readonly archived?: boolean | undefined
}

export interface NewStore extends StoreChange {
  readonly merchantId: string
  readonly name: string
  /** Idempotency-Key of the request that creates the store. */
  readonly requestKey?: string | undefined
}

export interface StoreRequest {
  readonly merchantId: string
  readonly requestKey: string
  readonly since: Date
}

export interface MerchantChange {
  readonly merchantId: string
  /** A percentage such as `0.5`. Maximum 10. */
  readonly tolerance?: string | undefined
  readonly name?: string | undefined
  readonly locale?: Locale | undefined
  readonly colour?: string | null | undefined
  readonly logo?: Buffer | null | undefined
}

/** A merchant or one of its stores as payers see it, with inherited values filled in. */
export interface Shop {
  readonly merchantId: string
  readonly storeId: string | undefined
  readonly name: string
  readonly livemode: boolean
  readonly locale: Locale
  readonly brand: Brand
  readonly toleranceBps: number
  readonly returnOrigins: readonly string[]
  readonly methods: readonly string[]
  readonly archived: boolean
}

export const SCOPES = [
  'payments:read',
  'payments:write',
  'balance:read',
  'webhooks:read',
  'webhooks:write',
  'merchant:read',
  'merchant:write',
  'destinations:write',
  // Sets the origins that payers may return to.
  'origins:write',
  'payouts:write',
  // Operator scopes. They reach beyond one merchant, so only the CLI grants them.
  'operations:read',
  'operations:write',
] as const
export type Scope = (typeof SCOPES)[number]

/** Scopes of a key when none are named. They never include scopes that can redirect money or payers. */
export const DEFAULT_SCOPES: readonly Scope[] = [
  'payments:read',
  'payments:write',
  'balance:read',
  'webhooks:read',
  'webhooks:write',
  'merchant:read',
  'merchant:write',
]

/** The authenticated API client. */
export interface Caller {
  readonly merchantId: string
  /** Set for a key that acts for one store only. */
  readonly storeId: string | undefined
  readonly keyId: string
  readonly scopes: ReadonlySet<Scope>
  readonly livemode: boolean
}

export interface ApiKey {
  readonly id: string
  readonly merchantId: string
  readonly storeId: string | undefined
  readonly name: string
  /** The last characters of the key. */
  readonly hint: string
  readonly scopes: readonly Scope[]
  readonly livemode: boolean
  readonly createdAt: Date
  readonly expiresAt: Date | undefined
  readonly revokedAt: Date | undefined
  /** Lags by some seconds, because uses are written in batches. */
  readonly lastUsedAt: Date | undefined
  readonly replacedBy: string | undefined
}

/** A new key. `secret` is the key itself and can be shown only now. */
export interface NewKey {
  readonly id: string
  readonly secret: string
}

export const MEMBER_ROLES = ['owner', 'admin', 'support', 'viewer'] as const
export type MemberRole = (typeof MEMBER_ROLES)[number]
/** Roles for the whole installation. A `member` has no rights except its roles at merchants. */
export const ROLES = [...MEMBER_ROLES, 'member'] as const
export type Role = (typeof ROLES)[number]

/** An operator with a role at one merchant. */
export interface Member {
  readonly operatorId: string
  readonly email: string
  readonly name: string
  readonly role: MemberRole
  readonly createdAt: Date
}

export interface Operator {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly role: Role
  readonly createdAt: Date
  readonly disabledAt: Date | undefined
}

export interface AuditEntry {
  readonly actor: Actor
  /** `module.what-was-done`, such as `identity.key-revoked`. */
  readonly action: string
  /** Id of the object that was changed. */
  readonly target: string
  /** Small, and free of secrets. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null | readonly string[]>>
}

export interface AuditRow extends Required<AuditEntry> {
  readonly id: string
  readonly at: Date
}

export interface PageQuery {
  /** 1 to 500. */
  limit: number
  /** `nextCursor` of the previous page. */
  cursor?: string | undefined
}

export interface Page<T> {
  items: T[]
  /** Undefined on the last page. */
  nextCursor: string | undefined
}

export interface IdentityDeps {
  db: Db
  mode: Mode
  masterKey: MasterKey
  clock: Clock
  ids: Ids
  log: Log
}

/** Public interface of the module. All lists are sorted newest first. */
export interface Identity extends Module {
  /** Returns the caller of an `Authorization` header. Throws 401 `unauthorized`. Other instances may accept a revoked key for 5 more seconds. */
  authenticate(authorization: string | undefined): Promise<Caller>
  /** Throws 403 `forbidden`. */
  requireScope(caller: Caller, scope: Scope): void

  createMerchant(tx: Tx, input: { name: string; locale?: Locale }, actor: Actor): Promise<Merchant>
  findMerchant(q: Queryable, id: string): Promise<Merchant | undefined>
  /** Like `findMerchant`, for hot paths: at most 5 seconds stale. Throws 404 `identity.unknown-merchant`. */
  requireMerchant(q: Queryable, id: string): Promise<Merchant>
  /** Throws 422 `identity.bad-input` for an invalid colour, and for a logo that is too large or not a picture. */
  updateMerchant(tx: Tx, change: MerchantChange, actor: Actor): Promise<Merchant>
  /** Applies to receipts from now on. Throws 422 `identity.bad-input`. */
  setSettlement(tx: Tx, change: SettlementChange, actor: Actor): Promise<Merchant>
  /** Stores the destination encrypted; null removes it. Throws 422 `identity.bad-input` that names the field. */
  setDestination(
    tx: Tx,
    input: { merchantId: string; destination: unknown },
    actor: Actor,
  ): Promise<MaskedDestination | undefined>
  /** Returns the decrypted destination, for the code that will send money. No caller exists yet. */
  findDestination(q: Queryable, merchantId: string): Promise<Destination | undefined>
  /** Finds a logo by its file name. */
  findLogo(q: Queryable, name: string): Promise<Logo | undefined>
  listMerchants(q: Queryable, page: PageQuery): Promise<Page<Merchant>>
  /** Returns the normalized origin. Throws 422 `identity.bad-origin`. Live mode requires https. */
  addReturnOrigin(tx: Tx, input: { merchantId: string; origin: string }, actor: Actor): Promise<string>
  /** Throws 404 `identity.unknown-origin`. */
  removeReturnOrigin(tx: Tx, input: { merchantId: string; origin: string }, actor: Actor): Promise<void>

  /** Throws 409 `identity.too-many-stores`, 422 `identity.bad-input`, `identity.bad-origin`. */
  createStore(tx: Tx, input: NewStore, actor: Actor): Promise<Store>
  /** Finds the store that a request with this Idempotency-Key created. `since` is the time of its first request. */
  findStoreByRequest(q: Queryable, by: StoreRequest): Promise<Store | undefined>
  /** Throws 404 `identity.unknown-store`, also for a store of another merchant. */
  updateStore(
    tx: Tx,
    input: { id: string; merchantId?: string | undefined } & StoreChange,
    actor: Actor,
  ): Promise<Store>
  requireStore(q: Queryable, by: { id: string; merchantId?: string | undefined }): Promise<Store>
  listStores(q: Queryable, page: PageQuery & { merchantId: string }): Promise<Page<Store>>
  /** Returns the merchant or store as payers see it. At most 5 seconds stale, for hot paths. Throws 404 like the two `require…` functions. */
  requireShop(q: Queryable, merchantId: string, storeId?: string): Promise<Shop>

  /** Gives an operator a role at a merchant, or changes it. Throws 404 `identity.unknown-operator`. */
  addMember(tx: Tx, input: { merchantId: string; email: string; role: MemberRole }, actor: Actor): Promise<void>
  /** Throws 404 `identity.unknown-member`. */
  removeMember(tx: Tx, input: { merchantId: string; email: string }, actor: Actor): Promise<void>
  /** Excludes disabled operators. Returns at most 500. */
  listMembers(q: Queryable, merchantId: string): Promise<Member[]>
  /**
   * Returns the higher of an operator's two roles: for the installation and at the merchant. Undefined when it has no rights there.
   * No route calls it yet: operators do not sign in, and the CLI acts as the operator.
   */
  findEffectiveRole(q: Queryable, by: { operatorId: string; merchantId: string }): Promise<MemberRole | undefined>

  createKey(
    tx: Tx,
    input: {
      merchantId: string
      storeId?: string | undefined
      name: string
      scopes?: readonly Scope[]
      expiresAt?: Date
    },
    actor: Actor,
  ): Promise<NewKey>
  /** Creates a key with the same rights. The old key works until the overlap ends. Throws 409 `identity.key-not-active`. */
  rotateKey(tx: Tx, input: { keyId: string; overlapMs: number }, actor: Actor): Promise<NewKey>
  /** Idempotent. */
  revokeKey(tx: Tx, input: { keyId: string }, actor: Actor): Promise<void>
  listKeys(q: Queryable, page: PageQuery & { merchantId?: string | undefined }): Promise<Page<ApiKey>>

  createOperator(tx: Tx, input: { email: string; name: string; role: Role }, actor: Actor): Promise<Operator>
  /** Throws 409 `identity.last-owner` for the last enabled owner. */
  disableOperator(tx: Tx, input: { email: string }, actor: Actor): Promise<void>
  listOperators(q: Queryable, page: PageQuery): Promise<Page<Operator>>

  readonly audit: {
    record(tx: Tx, entry: AuditEntry): Promise<void>
    list(
      q: Queryable,
      page: PageQuery & { action?: string | undefined; target?: string | undefined },
    ): Promise<Page<AuditRow>>
  }

  /** Creates or returns the sandbox merchant and makes this its only sandbox key. Idempotent. Not available in live mode. */
  ensureSandboxMerchant(tx: Tx, input: { secret: string }): Promise<Merchant>

  /** Writes the keys' times of last use. A timer also does so every few seconds. */
  flush(): Promise<void>
  /** Flushes for the last time, while the process drains. */
  close(): Promise<void>
}
