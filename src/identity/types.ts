import type { Clock } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import type { Db, Queryable, Tx } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import type { Log } from '#platform/observe/log'
import type { MasterKey } from '#platform/environment/masterkey'
import type { Actor, Module } from '#platform/runtime/module'

export type Locale = 'en' | 'sw'

/** How somebody looks to payers. Null: as the program looks. */
export interface Brand {
  /** `#rrggbb` */
  readonly colour: string | null
  /** Name of a picture, `<hash>.png`: see `findLogo`. */
  readonly logo: string | null
}

export interface Logo {
  /** `image/png` */
  readonly type: string
  readonly bytes: Buffer
}

/** When a merchant gets its money, and what is kept of it. */
export interface SettlementTerms {
  readonly holdDays: number
  /** Hundredths of a percent of each receipt. */
  readonly feeBps: number
  /** Of each receipt: minor units by currency, as text. */
  readonly feeFixed: Readonly<Record<string, string>>
}

export interface SettlementChange {
  readonly merchantId: string
  /** 0 to 365. */
  readonly holdDays?: number | undefined
  /** 0 to 10000. */
  readonly feeBps?: number | undefined
  /** Amounts such as `10.00` by currency; those that are not named have none. */
  readonly feeFixed?: Readonly<Record<string, string>> | undefined
}

/** Where money is sent. */
export type Destination =
  | { readonly kind: 'mpesa'; readonly phone: string }
  | { readonly kind: 'bank'; readonly bank: string; readonly account: string; readonly holder: string }

export interface MaskedDestination {
  readonly kind: Destination['kind']
  /** Such as `…5678`. */
  readonly ends: string
}

export interface Merchant {
  readonly id: string
  readonly name: string
  readonly livemode: boolean
  readonly locale: Locale
  readonly brand: Brand
  /** How much less than asked still pays a payment, in hundredths of a percent. */
  readonly toleranceBps: number
  readonly settlement: SettlementTerms
  /** Where its money is sent, as far as it may be shown; null: not said yet. */
  readonly destination: MaskedDestination | null
  /** Origins that a payer may be sent back to, such as `https://shop.example`. */
  readonly returnOrigins: readonly string[]
  readonly createdAt: Date
}

/** A shop of a merchant, with a face of its own. */
export interface Store {
  /** `sto_…` */
  readonly id: string
  readonly merchantId: string
  readonly name: string
  /** Undefined: the merchant's. */
  readonly locale: Locale | undefined
  readonly brand: Brand
  /** None: the merchant's. */
  readonly returnOrigins: readonly string[]
  /** Ways to pay in order; none: all. */
  readonly methods: readonly string[]
  readonly createdAt: Date
  /** Nothing new can be made in it. */
  readonly archivedAt: Date | undefined
}

/** Undefined leaves what is there, null takes it away. */
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
  /** The Idempotency-Key of the request that makes it. */
  readonly requestKey?: string | undefined
}

export interface StoreRequest {
  readonly merchantId: string
  readonly requestKey: string
  readonly since: Date
}

export interface MerchantChange {
  readonly merchantId: string
  /** A percentage such as `0.5`, 10 at most. */
  readonly tolerance?: string | undefined
  readonly name?: string | undefined
  readonly locale?: Locale | undefined
  readonly colour?: string | null | undefined
  readonly logo?: Buffer | null | undefined
}

/** How payers meet a merchant, or one of its stores. */
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
  // Where payers may be sent after they paid.
  'origins:write',
  'payouts:write',
  // Of the operator's own keys: they reach beyond one merchant, and are given on the shell only.
  'operations:read',
  'operations:write',
] as const
export type Scope = (typeof SCOPES)[number]

/** What a key gets unless told. Those that can send money, or payers, away are never among them. */
export const DEFAULT_SCOPES: readonly Scope[] = [
  'payments:read',
  'payments:write',
  'balance:read',
  'webhooks:read',
  'webhooks:write',
  'merchant:read',
  'merchant:write',
]

/** Who calls the API. */
export interface Caller {
  readonly merchantId: string
  /** Of a key that acts for one store alone. */
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
  /** Some seconds behind. */
  readonly lastUsedAt: Date | undefined
  readonly replacedBy: string | undefined
}

/** A key that was just made. `secret` is the key itself: it can be shown now and never again. */
export interface NewKey {
  readonly id: string
  readonly secret: string
}

export const MEMBER_ROLES = ['owner', 'admin', 'support', 'viewer'] as const
export type MemberRole = (typeof MEMBER_ROLES)[number]
/** For the whole desk. A `member` may do nothing but what its role at a merchant says. */
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
  /** The id of what it was done to. */
  readonly target: string
  /** Small, and without secrets. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null | readonly string[]>>
}

export interface AuditRow extends Required<AuditEntry> {
  readonly id: string
  readonly at: Date
}

export interface PageQuery {
  /** 1 to 500. */
  limit: number
  /** `nextCursor` of the page before. */
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

/** All lists are newest first. */
export interface Identity extends Module {
  /** The caller behind an `Authorization` header. Throws 401 `unauthorized`. A revoked key may work for 5 more seconds on other instances. */
  authenticate(authorization: string | undefined): Promise<Caller>
  /** Throws 403 `forbidden`. */
  requireScope(caller: Caller, scope: Scope): void

  createMerchant(tx: Tx, input: { name: string; locale?: Locale }, actor: Actor): Promise<Merchant>
  findMerchant(q: Queryable, id: string): Promise<Merchant | undefined>
  /** Like `findMerchant`, throws 404 `identity.unknown-merchant`; up to 5 seconds old, for hot paths. */
  requireMerchant(q: Queryable, id: string): Promise<Merchant>
  /** Throws 422 `identity.bad-input` for a colour that is none, and a logo that is too large or no picture. */
  updateMerchant(tx: Tx, change: MerchantChange, actor: Actor): Promise<Merchant>
  /** For receipts from now on. Throws 422 `identity.bad-input`. */
  setSettlement(tx: Tx, change: SettlementChange, actor: Actor): Promise<Merchant>
  /** Null takes it away. It is kept encrypted. Throws 422 `identity.bad-input` that names the field. */
  setDestination(
    tx: Tx,
    input: { merchantId: string; destination: unknown },
    actor: Actor,
  ): Promise<MaskedDestination | undefined>
  /** The whole of it, for whoever sends money: nothing does yet. */
  findDestination(q: Queryable, merchantId: string): Promise<Destination | undefined>
  /** A picture by its name. */
  findLogo(q: Queryable, name: string): Promise<Logo | undefined>
  listMerchants(q: Queryable, page: PageQuery): Promise<Page<Merchant>>
  /** Returns the origin as it is kept. Throws 422 `identity.bad-origin`; in live mode it must be https. */
  addReturnOrigin(tx: Tx, input: { merchantId: string; origin: string }, actor: Actor): Promise<string>
  /** Throws 404 `identity.unknown-origin`. */
  removeReturnOrigin(tx: Tx, input: { merchantId: string; origin: string }, actor: Actor): Promise<void>

  /** Throws 409 `identity.too-many-stores`, 422 `identity.bad-input`, `identity.bad-origin`. */
  createStore(tx: Tx, input: NewStore, actor: Actor): Promise<Store>
  /** The store that was made by a request with this Idempotency-Key, which first came at `since`. */
  findStoreByRequest(q: Queryable, by: StoreRequest): Promise<Store | undefined>
  /** Throws 404 `identity.unknown-store`, also for one of another merchant. */
  updateStore(
    tx: Tx,
    input: { id: string; merchantId?: string | undefined } & StoreChange,
    actor: Actor,
  ): Promise<Store>
  requireStore(q: Queryable, by: { id: string; merchantId?: string | undefined }): Promise<Store>
  listStores(q: Queryable, page: PageQuery & { merchantId: string }): Promise<Page<Store>>
  /** The merchant, or its store, as payers meet it; up to 5 seconds old, for hot paths. Throws 404 as the two do. */
  requireShop(q: Queryable, merchantId: string, storeId?: string): Promise<Shop>

  /** Gives an operator a role at a merchant, or another one. Throws 404 `identity.unknown-operator`. */
  addMember(tx: Tx, input: { merchantId: string; email: string; role: MemberRole }, actor: Actor): Promise<void>
  /** Throws 404 `identity.unknown-member`. */
  removeMember(tx: Tx, input: { merchantId: string; email: string }, actor: Actor): Promise<void>
  /** Those of disabled operators are left out. 500 at most. */
  listMembers(q: Queryable, merchantId: string): Promise<Member[]>
  /**
   * The higher of an operator's role for the whole desk and its role at the merchant; undefined when it may do nothing there. For the console:
   * no route asks yet, as nobody signs in, and the shell acts as the operator.
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
  /** A new key with the same rights; the old one works until the overlap has passed. Throws 409 `identity.key-not-active`. */
  rotateKey(tx: Tx, input: { keyId: string; overlapMs: number }, actor: Actor): Promise<NewKey>
  /** Doing it again changes nothing. */
  revokeKey(tx: Tx, input: { keyId: string }, actor: Actor): Promise<void>
  listKeys(q: Queryable, page: PageQuery & { merchantId?: string | undefined }): Promise<Page<ApiKey>>

  createOperator(tx: Tx, input: { email: string; name: string; role: Role }, actor: Actor): Promise<Operator>
  /** Throws 409 `identity.last-owner` for the only owner left. */
  disableOperator(tx: Tx, input: { email: string }, actor: Actor): Promise<void>
  listOperators(q: Queryable, page: PageQuery): Promise<Page<Operator>>

  readonly audit: {
    record(tx: Tx, entry: AuditEntry): Promise<void>
    list(
      q: Queryable,
      page: PageQuery & { action?: string | undefined; target?: string | undefined },
    ): Promise<Page<AuditRow>>
  }

  /** The merchant of the sandbox with this key and no other of ours; the same each time. Not in live mode. */
  ensureSandboxMerchant(tx: Tx, input: { secret: string }): Promise<Merchant>

  /** Writes when keys were last used. It does so every few seconds by itself. */
  flush(): Promise<void>
  /** Flushes for the last time, at the drain. */
  close(): Promise<void>
}
