import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { NewEvent } from './store.ts'

// A spool file is a header (magic, random file id) and records: length (4 bytes), nonce, tag, ciphertext. Each record is authenticated
// together with the file id and its position, so records cannot be forged, moved, or replayed from another file.

const MAGIC = Buffer.from('PSPOOL01')
const ID_BYTES = 16
const LENGTH_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Maximum size of a record. The largest webhook body is 256 kB. */
const MAX_RECORD_BYTES = 512 * 1024

export const HEADER_BYTES = MAGIC.length + ID_BYTES

/** An event as spooled. How long to retry it is decided when it reaches the database. */
export type SpooledEvent = Omit<NewEvent, 'retryUntil'>

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

/** A part of a file: a record, bytes that are no readable record, or the empty end that a power cut leaves of a write. */
export type Part =
  | { readonly kind: 'event'; readonly event: SpooledEvent; readonly end: number }
  | { readonly kind: 'unreadable'; readonly end: number }
  | { readonly kind: 'torn' }

/**
 * Reads the part at a position. Undefined at the end of the file. Damaged bytes, a damaged length included, end where the next record
 * authenticates. A torn write looks like damage, and counts as such: its event was never acknowledged, but a damaged one was.
 */
export function readRecord(key: Buffer, file: Buffer, position: number): Part | undefined {
  if (position >= file.length) return undefined
  const record = openRecordAt(key, file, position)
  if (record) return { kind: 'event', ...record }
  for (let at = position + 1; at < file.length; at++)
    if (openRecordAt(key, file, at)) return { kind: 'unreadable', end: at }
  return file.subarray(position).every((byte) => byte === 0)
    ? { kind: 'torn' }
    : { kind: 'unreadable', end: file.length }
}

function openRecordAt(key: Buffer, file: Buffer, position: number): { event: SpooledEvent; end: number } | undefined {
  const start = position + LENGTH_BYTES
  if (start > file.length) return undefined
  const length = file.readUInt32BE(position)
  if (length > MAX_RECORD_BYTES || start + length > file.length) return undefined
  const event = openRecord(key, file.subarray(0, HEADER_BYTES), position, file.subarray(start, start + length))
  return event && { event, end: start + length }
}

function openRecord(key: Buffer, header: Buffer, position: number, sealed: Buffer): SpooledEvent | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES + LENGTH_BYTES) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(placeOf(header, position))
    .setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  try {
    const body = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()])
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
