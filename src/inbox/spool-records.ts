import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { NewEvent } from './store.ts'

// A spool file is a header (magic, random file id) and records: length (4 bytes), nonce, tag, ciphertext. Each record is authenticated
// together with the file id and its position, so records cannot be forged, moved, or replayed from another file.

const MAGIC = Buffer.from('PSPOOL01')
const ID_BYTES = 16
const LENGTH_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** A body starts with the length of its JSON object and the first character of this object. */
const START_BYTES = LENGTH_BYTES + 1
const BRACE = '{'.charCodeAt(0)
/** Minimum size of a record without its length. */
const MIN_RECORD_BYTES = NONCE_BYTES + TAG_BYTES + START_BYTES
/** Maximum size of a record without its length. The largest webhook body is 256 kB. */
const MAX_RECORD_BYTES = 512 * 1024

export const HEADER_BYTES = MAGIC.length + ID_BYTES

/** An event as spooled. How long to retry it is decided when it reaches the database. */
export type SpooledEvent = Omit<NewEvent, 'retryUntil'>

/** Returns the approximate memory that an event takes while it waits, in bytes. */
export const sizeOfEvent = ({ raw }: SpooledEvent): number => raw.length + 1024

export const createHeader = (): Buffer => Buffer.concat([MAGIC, randomBytes(ID_BYTES)])

/** Returns whether the bytes are the header of a spool file. */
export const isHeader = (bytes: Buffer): boolean =>
  bytes.length === HEADER_BYTES && bytes.subarray(0, MAGIC.length).equals(MAGIC)

/** Encrypts an event for its place in a file (AES-256-GCM). `key` has 32 bytes. */
export function sealRecord(key: Buffer, header: Buffer, position: number, event: SpooledEvent): Buffer {
  const { raw, receivedAt, ...rest } = event
  const facts = Buffer.from(JSON.stringify({ ...rest, receivedAt: receivedAt.toISOString() }))
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(
    placeOf(header, position),
  )
  const body = Buffer.concat([
    cipher.update(lengthOf(facts.length)),
    cipher.update(facts),
    cipher.update(raw),
    cipher.final(),
  ])
  return Buffer.concat([lengthOf(NONCE_BYTES + TAG_BYTES + body.length), nonce, cipher.getAuthTag(), body])
}

/**
 * A part of a file: a record, damaged bytes, or the torn end of a write that never completed. When only the length of a record is damaged,
 * its event is still readable.
 */
export type Part =
  | { readonly kind: 'event'; readonly event: SpooledEvent; readonly end: number }
  | { readonly kind: 'damaged'; readonly event: SpooledEvent | undefined; readonly end: number }
  | { readonly kind: 'torn' }

/** Reads the part at a position. Undefined at the end of the file. */
export function readPart(key: Buffer, file: Buffer, position: number): Part | undefined {
  if (position >= file.length) return undefined
  const record = readRecord(key, file, position)
  if (record) return { kind: 'event', ...record }
  const next = findRecord(key, file, position + 1)
  const end = next ?? file.length
  const event = openRecord(key, file, position, end)
  if (!event && next === undefined && isTorn(file, position)) return { kind: 'torn' }
  return { kind: 'damaged', event, end }
}

/** Reads the record at a position. Undefined when its length is wrong or it cannot be decrypted. */
function readRecord(key: Buffer, file: Buffer, position: number): { event: SpooledEvent; end: number } | undefined {
  const length = lengthAt(file, position)
  const end = position + LENGTH_BYTES + length
  if (!isPlausible(length) || end > file.length) return undefined
  const event = openRecord(key, file, position, end)
  return event && { event, end }
}

/** Returns the position of the first readable record from a position on. The length of the record before it may be damaged. */
function findRecord(key: Buffer, file: Buffer, from: number): number | undefined {
  for (let position = from; position + LENGTH_BYTES + MIN_RECORD_BYTES <= file.length; position++)
    if (readRecord(key, file, position)) return position
  return undefined
}

/** Returns whether the rest of a file is zeros or shorter than its record, as after a power cut. Nothing readable follows the position. */
function isTorn(file: Buffer, position: number): boolean {
  const rest = file.subarray(position)
  if (rest.length < LENGTH_BYTES || rest.every((byte) => byte === 0)) return true
  const length = lengthAt(file, position)
  return isPlausible(length) && rest.length < LENGTH_BYTES + length
}

const lengthAt = (file: Buffer, position: number): number =>
  position + LENGTH_BYTES <= file.length ? file.readUInt32BE(position) : 0

const isPlausible = (length: number): boolean => length >= MIN_RECORD_BYTES && length <= MAX_RECORD_BYTES

/** Decrypts the record between two positions. The length at its start is not used. */
function openRecord(key: Buffer, file: Buffer, position: number, end: number): SpooledEvent | undefined {
  const sealed = file.subarray(position + LENGTH_BYTES, end)
  if (!isPlausible(sealed.length)) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(placeOf(file.subarray(0, HEADER_BYTES), position))
    .setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  const text = sealed.subarray(NONCE_BYTES + TAG_BYTES)
  // The search tries many positions. The start of a body tells most of them from a record before the whole record is authenticated.
  const start = decipher.update(text.subarray(0, START_BYTES))
  if (start.readUInt32BE(0) > text.length || start[LENGTH_BYTES] !== BRACE) return undefined
  try {
    const body = Buffer.concat([start, decipher.update(text.subarray(START_BYTES)), decipher.final()])
    const raw = LENGTH_BYTES + body.readUInt32BE(0)
    const facts = JSON.parse(body.toString('utf8', LENGTH_BYTES, raw)) as Omit<SpooledEvent, 'raw' | 'receivedAt'> & {
      receivedAt: string
    }
    return { ...facts, receivedAt: new Date(facts.receivedAt), raw: body.subarray(raw) }
  } catch {
    return undefined
  }
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(LENGTH_BYTES)
  bytes.writeUInt32BE(length)
  return bytes
}

function placeOf(header: Buffer, position: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(position))
  return Buffer.concat([header, bytes])
}
