import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { AppError, describeError, invariant } from '../base/errors.ts'

/** The key that encrypts every secret in the database. It is stored in a separate file, never in the database. */
export interface MasterKey {
  /** Versions in ascending order. The last one seals new secrets; each can open the secrets it sealed. */
  readonly versions: readonly number[]
  /** Returns the fingerprint of a version, which the database stores to verify the key. */
  fingerprint(version: number): string
  /**
   * Derives 32 bytes for one purpose (HKDF-SHA256), by default from the oldest version, so that a new version does not change them.
   * Callers that rotate keys store the version beside the derived data.
   */
  deriveKey(purpose: string, version?: number): Buffer
  /** Encrypts a text (AES-256-GCM). `open` needs the same context, such as `setting:MPESA_PASSKEY`. */
  seal(text: string, context: string): string
  /** Decrypts a text. Throws `platform.seal-broken` for a changed text, another context or a missing key version. */
  open(sealed: string, context: string): string
}

export interface KeyVersion {
  version: number
  key: Buffer
}

export function createMasterKey(given: readonly KeyVersion[]): MasterKey {
  const keys = given.toSorted((a, b) => a.version - b.version)
  const [first, last] = [keys[0], keys.at(-1)]
  invariant(first && last, 'a master key has a version')
  const derived = new Map<string, Buffer>()
  const deriveKey = (purpose: string, version = first.version): Buffer => {
    const cached = derived.get(`${version} ${purpose}`)
    if (cached) return cached
    const key = keys.find((one) => one.version === version)?.key
    if (!key) throw brokenSeal(`version ${version} of the master key is missing`)
    const derivedKey = Buffer.from(hkdfSync('sha256', key, '', `purser:${purpose}`, 32))
    derived.set(`${version} ${purpose}`, derivedKey)
    return derivedKey
  }
  return {
    versions: keys.map((one) => one.version),
    fingerprint: (version) => createHash('sha256').update(deriveKey('fingerprint', version)).digest('hex').slice(0, 32),
    deriveKey,
    seal: (text, context) => seal(deriveKey('seal', last.version), last.version, text, context),
    open: (sealed, context) => open((version) => deriveKey('seal', version), sealed, context),
  }
}

const IV_BYTES = 12
const TAG_BYTES = 16

function seal(key: Buffer, version: number, text: string, context: string): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context))
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `k${version}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`
}

function open(keyOf: (version: number) => Buffer, sealed: string, context: string): string {
  const match = /^k(\d{1,9})\.([\w-]{38,})$/.exec(sealed)
  if (!match) throw brokenSeal('it is not a sealed text')
  const key = keyOf(Number.parseInt(match[1] ?? '', 10))
  const bytes = Buffer.from(match[2] ?? '', 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  try {
    return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  } catch (error) {
    throw brokenSeal(`it was changed or does not belong to ${context}`, error)
  }
}

const brokenSeal = (why: string, cause?: unknown): AppError =>
  new AppError(
    'platform.seal-broken',
    500,
    'A secret in the database cannot be decrypted. Restore the right master key, or store the secret again.',
    {
      cause: new Error(why, { cause }),
    },
  )

/** Reads the key file. Returns undefined without a file. Throws `platform.bad-master-key` with one line when it cannot be used. */
export function readMasterKey(path: string): MasterKey | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(path, `cannot be read: ${describeError(error)}`)
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const keys = lines.map(
    (line, i) => parseLine(line) ?? `line ${i + 1} is not {"version":1,"key":"<32 bytes in base64url>"}`,
  )
  const wrong = keys.find((one) => typeof one === 'string')
  if (wrong !== undefined || keys.length === 0) throw unusable(path, wrong ?? 'is empty')
  const good = keys.filter((one) => typeof one !== 'string')
  if (new Set(good.map((one) => one.version)).size !== good.length) throw unusable(path, 'contains a version twice')
  return createMasterKey(good)
}

function parseLine(line: string): KeyVersion | undefined {
  try {
    const { version, key } = JSON.parse(line) as { version?: unknown; key?: unknown }
    const bytes = Buffer.from(typeof key === 'string' ? key : '', 'base64url')
    return typeof version === 'number' && Number.isSafeInteger(version) && version > 0 && bytes.length === 32
      ? { version, key: bytes }
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Creates the key file, readable by its owner only. The complete file is linked into place. A crash therefore leaves no partial file, and
 * concurrent starts use the same key.
 */
export function createMasterKeyFile(path: string): MasterKey {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeDurably(draft, `${JSON.stringify({ version: 1, key: randomBytes(32).toString('base64url') })}\n`)
    try {
      linkSync(draft, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      unlinkSync(draft)
    }
    syncFolder(dirname(path))
  } catch (error) {
    throw unusable(
      path,
      `cannot be created: ${describeError(error)}. Make DATA_DIR writable, or set PURSER_MASTER_KEY_FILE`,
    )
  }
  const created = readMasterKey(path)
  invariant(created, 'the created master key can be read')
  return created
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  chmodSync(path, 0o600)
}

function syncFolder(path: string): void {
  if (process.platform === 'win32') return // Windows cannot open a folder.
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

const unusable = (path: string, why: string): AppError =>
  new AppError('platform.bad-master-key', 500, `The master key file ${path} ${why}.`)
