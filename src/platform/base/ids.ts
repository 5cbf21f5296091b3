import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Ids and randomness, as a parameter: the simulator replays a run by seeding it. */
export interface Ids {
  /** A time-ordered public id, `pay_01kd3v…`: the prefix and a UUIDv7 in 26 base32 characters (the TypeID format). */
  next(prefix: string): string
  /** A time-ordered UUIDv7, for internal rows. */
  uuid(): string
  /** Unguessable text of so many random bytes, base64url. */
  secret(bytes: number): string
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** All pairs of characters: ten bits are looked up at once. */
const PAIRS = Array.from({ length: 1024 }, (_, i) => ALPHABET.charAt(i >> 5) + ALPHABET.charAt(i & 31))
/** Random bytes are asked of the system in such amounts: one call for an id costs more than all else about it. */
const POOL_BYTES = 4096

export function createIds(clock: Clock, random: (bytes: number) => Buffer = createPool()): Ids {
  let lastMs = 0
  let counter = 0
  // Within a millisecond (or when the clock steps back) a counter keeps ids of one process in order.
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

/** Bytes are given once and never again. */
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
 * The UUID that belongs to `source` (a prefixed id or a UUID) for one purpose: the same each time, so that a repeat
 * of an event posts the same transfer. It keeps the time of its source, so that index pages stay warm.
 */
export function deriveUuid(source: string, purpose: string): string {
  const bytes = createHash('sha256').update(`${source}\n${purpose}`).digest().subarray(0, 16)
  timeOf(source).copy(bytes, 0, 0, 6)
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  return toUuid(bytes)
}

/** The least id of this prefix that could be made at a time: ids made before it sort before it. */
export function firstIdAt(prefix: string, at: Date): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(Math.max(0, at.getTime()), 0, 6)
  return `${prefix}_${toBase32(bytes)}`
}

/** When the id (prefixed or a UUIDv7) was made, to the millisecond. */
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

/** 128 bits in 26 characters, the first of which holds only three. */
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

/** Whether the text has the form of an id with this prefix. A cheap refusal before the database is asked. */
export const isId = (prefix: string, text: string): boolean => text.startsWith(`${prefix}_`) && ID.test(text)
