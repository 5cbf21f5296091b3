import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, describeError, invariant } from '#platform/base/errors'
import type { Tx } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import type { Actor } from '#platform/runtime/module'
import type { Secret } from '#platform/base/secrets'
import { DEFAULT_SCOPES, type IdentityDeps, type Merchant } from './types.ts'
import { hashKey, keyPrefix, newestPepperVersion } from './keys.ts'
import { requireMerchant } from './merchants.ts'
import { insertKey, keepSandboxKey } from './store/keys.ts'
import { insertMerchant, readMerchantByHandle } from './store/merchants.ts'

const HANDLE = 'sandbox'
const KEY_NAME = 'Sandbox key'
const actor: Actor = { type: 'system', id: 'sandbox' }

export async function ensureSandboxMerchant(
  deps: IdentityDeps,
  tx: Tx,
  { secret }: { secret: string },
): Promise<Merchant> {
  const { mode, ids, clock } = deps
  invariant(mode !== 'live', 'there is no sandbox merchant in live mode')
  invariant(secret.startsWith(keyPrefix(mode)), 'the sandbox key is a test key')
  const at = clock.now()
  const row = {
    id: ids.next('mer'),
    handle: HANDLE,
    name: 'Sandbox Shop',
    livemode: false,
    locale: 'en',
    createdAt: at,
  } as const
  const entry = { actor, action: 'identity.merchant-created', target: row.id, detail: { name: row.name } }
  await insertMerchant(tx, row, { entry, at })
  const merchant = await readMerchantByHandle(tx, HANDLE)
  invariant(merchant, 'the sandbox merchant exists after its insert')
  await ensureKey(deps, tx, merchant.id, secret)
  return requireMerchant(tx, merchant.id)
}

/** Makes this the merchant's only sandbox key: revokes keys that earlier starts configured. */
async function ensureKey(
  { masterKey, ids, clock }: IdentityDeps,
  tx: Tx,
  merchantId: string,
  secret: string,
): Promise<void> {
  const at = clock.now()
  const pepperVersion = newestPepperVersion(masterKey)
  const hash = hashKey(masterKey, secret, pepperVersion)
  const id = ids.next('key')
  const row = {
    id,
    merchantId,
    storeId: undefined,
    name: KEY_NAME,
    hash,
    pepperVersion,
    hint: secret.slice(-4),
    scopes: DEFAULT_SCOPES,
  }
  const detail = { merchant: merchantId, name: KEY_NAME }
  const created = { actor, action: 'identity.key-created', target: id, detail }
  await insertKey(tx, { ...row, livemode: false, createdAt: at, expiresAt: undefined }, { entry: created, at })
  const kept = { actor, action: 'identity.key-kept', target: merchantId, detail }
  await keepSandboxKey(tx, { merchantId, hash }, { entry: kept, at })
}

/**
 * Returns the sandbox merchant's key: the configured one, else the one in `DATA_DIR/sandbox-key`. A missing file is created, so that every
 * start prints the same key. The key works only in the sandbox.
 */
export function sandboxKey(config: { sandboxKey: Secret | undefined; dataDir: string }, ids: Ids): string {
  if (config.sandboxKey) return config.sandboxKey.reveal()
  const path = join(config.dataDir, 'sandbox-key')
  const kept = readKeyFile(path)
  if (kept?.startsWith(keyPrefix('sandbox'))) return kept
  const made = `${keyPrefix('sandbox')}${ids.secret(24)}`
  try {
    mkdirSync(config.dataDir, { recursive: true })
    writeFileSync(path, `${made}\n`, { mode: 0o600 })
  } catch (error) {
    throw new AppError(
      'identity.sandbox-key',
      500,
      `${path} cannot be written (${describeError(error)}). Make DATA_DIR writable or set PURSER_SANDBOX_KEY.`,
    )
  }
  return made
}

function readKeyFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
