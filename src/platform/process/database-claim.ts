import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Mode } from '../environment/config.ts'
import { sql, type Db, type Tx } from '../database/db.ts'
import { transactLocked } from '../database/migrate.ts'
import { AppError } from '../base/errors.ts'
import { createMasterKeyFile, readMasterKey, type MasterKey } from '../environment/masterkey.ts'

export interface ClaimOptions {
  mode: Mode
  /** Path of the master key file, from `masterKeyPath(config)`. */
  keyPath: string
  clock: Clock
}

/** Returns PURSER_MASTER_KEY_FILE, or `master.key` in the data folder. */
export const masterKeyPath = (config: { masterKeyFile: string | undefined; dataDir: string }): string =>
  config.masterKeyFile ?? join(config.dataDir, 'master.key')

const LOCK = 7_305_002

/**
 * Checks that this database belongs to this mode and master key. The first start records both in the database. Call it after the
 * migrations and before any other access. Throws `platform.other-mode`, `platform.master-key-missing`, `platform.other-master-key` or
 * `platform.bad-master-key`, each with a message of one line.
 */
export async function claimDatabase(db: Db, options: ClaimOptions): Promise<MasterKey> {
  const claim = async (tx: Tx): Promise<MasterKey> => {
    const rows = await tx.many<{ key: string; value: string }>(sql`select key, value from platform.state limit 1000`)
    const state = new Map(rows.map((row) => [row.key, row.value]))
    await claimMode(tx, state, options)
    return claimKey(tx, state, options)
  }
  return transactLocked(db, LOCK, claim, { repeatable: true })
}

async function claimMode(tx: Tx, state: ReadonlyMap<string, string>, { mode, clock }: ClaimOptions): Promise<void> {
  const known = state.get('mode')
  if (known === undefined) return insertState(tx, 'mode', mode, clock)
  checkMode(known, mode)
}

/**
 * Checks the mode before the migrations, because they differ between modes. A database without a mode passes. Throws
 * `platform.other-mode`.
 */
export async function requireMode(db: Db, mode: Mode): Promise<void> {
  const { initialized } = await db.one<{ initialized: boolean }>(
    sql`select to_regclass('platform.state') is not null as initialized`,
  )
  if (!initialized) return
  const known = await db.maybe<{ value: string }>(sql`select value from platform.state where key = 'mode'`)
  if (known) checkMode(known.value, mode)
}

function checkMode(known: string, mode: Mode): void {
  if (known === mode) return
  const hint = `Set PURSER_MODE=${known}, or use another DATA_DIR or DATABASE_URL.`
  throw new AppError(
    'platform.other-mode',
    500,
    `This database belongs to mode ${known} and cannot run in mode ${mode}. ${hint}`,
  )
}

const FINGERPRINT = 'master-key:'

async function claimKey(
  tx: Tx,
  state: ReadonlyMap<string, string>,
  { keyPath, clock }: ClaimOptions,
): Promise<MasterKey> {
  const expected = [...state].filter(([key]) => key.startsWith(FINGERPRINT))
  const key = readMasterKey(keyPath) ?? (expected.length === 0 ? createMasterKeyFile(keyPath) : undefined)
  if (!key) {
    throw new AppError(
      'platform.master-key-missing',
      500,
      `The master key file ${keyPath} is missing. Without it the secrets in this database cannot be read. Restore the file from your recovery kit or backup, or set PURSER_MASTER_KEY_FILE.`,
    )
  }
  for (const [name, fingerprint] of expected) {
    const version = Number.parseInt(name.slice(FINGERPRINT.length), 10)
    if (key.versions.includes(version) && key.fingerprint(version) === fingerprint) continue
    throw new AppError(
      'platform.other-master-key',
      500,
      `The master key file ${keyPath} does not belong to this database (version ${version} is missing or different). Restore the right file.`,
    )
  }
  const added = key.versions.filter((version) => !state.has(`${FINGERPRINT}${version}`))
  for (const version of added) await insertState(tx, `${FINGERPRINT}${version}`, key.fingerprint(version), clock)
  return key
}

async function insertState(tx: Tx, key: string, value: string, clock: Clock): Promise<void> {
  await tx.run(sql`insert into platform.state (key, value, set_at) values (${key}, ${value}, ${clock.now()})`)
}
