import { AppError } from '#platform/base/errors'
import { addMs } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import type { Tx } from '#platform/database/db'
import type { MasterKey } from '#platform/environment/masterkey'
import type { Actor } from '#platform/runtime/module'
import { keyedHash } from '#platform/base/secrets'
import { badInput, unknownKey } from './errors.ts'
import { DEFAULT_SCOPES, SCOPES, type ApiKey, type IdentityDeps, type NewKey, type Scope } from './types.ts'
import { requireMerchant, requireName } from './merchants.ts'
import { requireStore } from './stores.ts'
import { insertKey, markRevoked, readKeyForChange, replaceKey, type KeyRow } from './store/keys.ts'

export const keyPrefix = (mode: Mode): string => (mode === 'live' ? 'sk_live_' : 'sk_test_')

const PEPPER = 'api-key-pepper'
const SECRET_BYTES = 24

/** Returns the hash that is stored instead of the key. */
export const hashKey = (masterKey: MasterKey, secret: string, version: number): string =>
  keyedHash(masterKey.deriveKey(PEPPER, version), secret)

/** New keys use the newest pepper. */
export const newestPepperVersion = (masterKey: MasterKey): number => masterKey.versions.at(-1) ?? 1

interface NewKeyInput {
  merchantId: string
  storeId?: string | undefined
  name: string
  scopes?: readonly Scope[]
  expiresAt?: Date | undefined
}

export async function createKey(deps: IdentityDeps, tx: Tx, input: NewKeyInput, actor: Actor): Promise<NewKey> {
  const at = deps.clock.now()
  if (input.expiresAt && input.expiresAt <= at) throw badInput('expires_at', 'A key must expire in the future.')
  const merchant = await requireMerchant(tx, input.merchantId)
  if (input.storeId !== undefined) await requireStore(tx, { id: input.storeId, merchantId: merchant.id })
  const { row, secret } = newKey(deps, { ...input, merchantId: merchant.id, at })
  const store = input.storeId === undefined ? {} : { store: input.storeId }
  const detail = { merchant: merchant.id, ...store, name: input.name, scopes: row.scopes }
  await insertKey(tx, row, { entry: { actor, action: 'identity.key-created', target: row.id, detail }, at })
  return { id: row.id, secret }
}

function newKey(deps: IdentityDeps, input: NewKeyInput & { at: Date }): { row: KeyRow; secret: string } {
  const { ids, masterKey, mode } = deps
  const secret = `${keyPrefix(mode)}${ids.secret(SECRET_BYTES)}`
  const pepperVersion = newestPepperVersion(masterKey)
  const row = {
    id: ids.next('key'),
    merchantId: input.merchantId,
    storeId: input.storeId,
    name: requireName(input.name),
    hash: hashKey(masterKey, secret, pepperVersion),
    pepperVersion,
    hint: secret.slice(-4),
    scopes: requireScopes(input.scopes),
    livemode: mode === 'live',
    createdAt: input.at,
    expiresAt: input.expiresAt,
  }
  return { row, secret }
}

function requireScopes(scopes: readonly Scope[] = DEFAULT_SCOPES): readonly Scope[] {
  if (scopes.length === 0) throw badInput('scopes', `A key needs at least one scope: ${SCOPES.join(', ')}`)
  return [...new Set(scopes)]
}

const OVERLAP_MAX_MS = 30 * 24 * 60 * 60_000

export async function rotateKey(
  deps: IdentityDeps,
  tx: Tx,
  { keyId, overlapMs }: { keyId: string; overlapMs: number },
  actor: Actor,
): Promise<NewKey> {
  if (overlapMs < 0 || overlapMs > OVERLAP_MAX_MS) throw badInput('overlap', 'The overlap is at most 30 days.')
  const at = deps.clock.now()
  const old = await requireKey(tx, keyId)
  if (!isActive(old, at) || old.replacedBy !== undefined) {
    const why =
      old.replacedBy === undefined ? 'has expired or was revoked' : `was already replaced by ${old.replacedBy}`
    throw new AppError('identity.key-not-active', 409, `The key ${keyId} ${why}. Create a new key instead.`)
  }
  const { row, secret } = newKey(deps, { ...old, at })
  const ends = addMs(at, overlapMs)
  const detail = { replacedBy: row.id, overlapMs }
  const expiresAt = old.expiresAt && old.expiresAt < ends ? old.expiresAt : ends
  const entry = { actor, action: 'identity.key-rotated', target: old.id, detail }
  await replaceKey(tx, row, { id: old.id, expiresAt }, { entry, at })
  return { id: row.id, secret }
}

export async function revokeKey(deps: IdentityDeps, tx: Tx, { keyId }: { keyId: string }, actor: Actor): Promise<void> {
  const at = deps.clock.now()
  const key = await requireKey(tx, keyId)
  if (key.revokedAt) return
  const entry = { actor, action: 'identity.key-revoked', target: keyId, detail: { merchant: key.merchantId } }
  await markRevoked(tx, keyId, { entry, at })
}

async function requireKey(tx: Tx, id: string): Promise<ApiKey> {
  const key = await readKeyForChange(tx, id)
  if (!key) throw unknownKey(id)
  return key
}

const isActive = (key: ApiKey, at: Date): boolean => !key.revokedAt && (!key.expiresAt || key.expiresAt > at)
