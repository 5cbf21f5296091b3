import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Source of ids and randomness, passed as a parameter. The simulator seeds it to replay a run. */
export interface Ids {
  /** Returns a time-ordered public id such as `pay_01kd3v…`: the prefix and a UUIDv7 in 26 base32 characters (TypeID format). */
  next(prefix: string): string
  /** Returns a time-ordered UUIDv7, for internal rows. */
  uuid(): string
  /** Returns `bytes` random bytes as base64url text. */
  secret(bytes: number): string
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** All pairs of base32 characters. One lookup encodes ten bits. */
const PAIRS = Array.from({ length: 1024 }, (_, i) => ALPHABET.charAt(i >> 5) + ALPHABET.charAt(i & 31))
/** Random bytes fetched from the system per call. A call per id would cost more than the rest of id creation. */
const POOL_BYTES = 4096

export function createIds(clock: Clock, random: (bytes: number) => Buffer = createPool()): Ids {
  let lastMs = 0
  let counter = 0
  // A counter orders the ids of one process within a millisecond and when the clock steps back.
  const uuidBytes = (): Buffer => {
    const bytes = random(16)
    const nowMs = clock.now().getTime()
    if (nowMs > lastMs) {
      lastMs = nowMs
      counter = bytes.readUInt16BE(6) & 0x3ff
    } else if (++counter > 0xfff) {
      lastMs += 1
      counter = 0
    }
    bytes.writeUIntBE(lastMs, 0, 6)
    bytes.writeUInt16BE(0x7000 | counter, 6)
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
    return bytes
  }
  return {
    next: (prefix) => `${prefix}_${toBase32(uuidBytes())}`,
    uuid: () => toUuid(uuidBytes()),
    secret: (bytes) => random(bytes).toString('base64url'),
  }
}

/** Returns a function that hands out random bytes from a pool. Each byte is used once. */
function createPool(): (bytes: number) => Buffer {
  let pool = Buffer.alloc(0)
  let used = 0
  return (bytes) => {
    if (bytes > POOL_BYTES) return randomBytes(bytes)
    if (used + bytes > pool.length) {
      pool = randomBytes(POOL_BYTES)
      used = 0
    }
    used += bytes
    return pool.subarray(used - bytes, used)
  }
}

/**
 * Derives a deterministic UUID from `source` (a prefixed id or a UUID) and a purpose. A repeated event therefore posts the same
 * transfer. The UUID keeps the timestamp of its source, so that index pages stay warm.
 */
export function deriveUuid(source: string, purpose: string): string {
  const bytes = createHash('sha256').update(`${source}\n${purpose}`).digest().subarray(0, 16)
  timeOf(source).copy(bytes, 0, 0, 6)
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  return toUuid(bytes)
}

/** Returns the smallest id of a prefix at a time. Ids created before that time sort before it. */
export function firstIdAt(prefix: string, at: Date): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(Math.max(0, at.getTime()), 0, 6)
  return `${prefix}_${toBase32(bytes)}`
}

/** Returns the creation time of an id (prefixed or UUIDv7), with millisecond precision. */
export const timeOfId = (id: string): Date => new Date(timeOf(id).readUIntBE(0, 6))

function timeOf(source: string): Buffer {
  const body = source.slice(source.lastIndexOf('_') + 1)
  if (body.length === 26) return fromBase32(body)
  return Buffer.from(source.replaceAll('-', '').slice(0, 12).padEnd(12, '0'), 'hex')
}

function toUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Encodes 128 bits in 26 characters. The first character holds three bits. */
function toBase32(bytes: Buffer): string {
  const first = bytes[0] ?? 0
  let text = PAIRS[first] ?? ''
  for (let i = 1; i < 16; i += 5) {
    const high = bytes.readUIntBE(i, 3) >> 4
    const low = bytes.readUIntBE(i + 2, 3) & 0xfffff
    text +=
      (PAIRS[high >> 10] ?? '') + (PAIRS[high & 1023] ?? '') + (PAIRS[low >> 10] ?? '') + (PAIRS[low & 1023] ?? '')
  }
  return text
}

function fromBase32(text: string): Buffer {
  let value = 0n
  for (const char of text) value = (value << 5n) | BigInt(Math.max(0, ALPHABET.indexOf(char)))
  return Buffer.from((value & ((1n << 128n) - 1n)).toString(16).padStart(32, '0'), 'hex')
}

const ID = /^[a-z]{2,8}_[0-7][0-9a-hjkmnp-tv-z]{25}$/

/** Returns whether the text has the format of an id with this prefix. Rejects bad ids without a database query. */
export const isId = (prefix: string, text: string): boolean => text.startsWith(`${prefix}_`) && ID.test(text)
