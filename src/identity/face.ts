import type { Clock } from '#platform/clock'
import type { Mode } from '#platform/config'
import type { Db, Queryable, Tx } from '#platform/db'
import type { Ids } from '#platform/ids'
import type { Log } from '#platform/log'
import type { MasterKey } from '#platform/masterkey'
import type { Actor, Module } from '#platform/module'

export type Locale = 'en' | 'sw'

export interface Merchant {
  readonly id: string
  readonly name: string
  readonly livemode: boolean
  readonly locale: Locale
  /** Origins that a payer may be sent back to, such as `https://shop.example`. */
  readonly returnOrigins: readonly string[]
  readonly createdAt: Date
}

export const SCOPES = [
  'payments:read',
  'payments:write',
  'balance:read',
  'webhooks:read',
  'webhooks:write',
  'destinations:write',
  'payouts:write',
] as const
export type Scope = (typeof SCOPES)[number]

/** What a key gets unless told. Those that can send money away are never among them. */
export const DEFAULT_SCOPES: readonly Scope[] = [
  'payments:read',
  'payments:write',
  'balance:read',
  'webhooks:read',
  'webhooks:write',
]

/** Who calls the API. */
export interface Caller {
  readonly merchantId: string
  readonly keyId: string
  readonly scopes: ReadonlySet<Scope>
  readonly livemode: boolean
}

export interface ApiKey {
  readonly id: string
  readonly merchantId: string
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

export const ROLES = ['owner', 'admin', 'support', 'viewer'] as const
export type Role = (typeof ROLES)[number]

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
  listMerchants(q: Queryable, page: PageQuery): Promise<Page<Merchant>>
  /** Returns the origin as it is kept. Throws 422 `identity.bad-origin`; in live mode it must be https. */
  addReturnOrigin(tx: Tx, input: { merchantId: string; origin: string }, actor: Actor): Promise<string>
  /** Throws 404 `identity.unknown-origin`. */
  removeReturnOrigin(tx: Tx, input: { merchantId: string; origin: string }, actor: Actor): Promise<void>

  createKey(
    tx: Tx,
    input: { merchantId: string; name: string; scopes?: readonly Scope[]; expiresAt?: Date },
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
