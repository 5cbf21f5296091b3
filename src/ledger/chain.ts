import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** Range of transfers under a seal; see migrations/0001-ledger.sql. Transaction ids (xid) belong to one database server. */
export interface Coverage {
  readonly number: bigint
  /** Seq in (afterSeq, lastSeq] and xid in [fromXid, toXid). */
  readonly afterSeq: bigint
  readonly lastSeq: bigint
  readonly fromXid: bigint
  readonly toXid: bigint
  /** True on the first seal on another server. It covers everything up to lastSeq that no earlier seal covers. */
  readonly restored: boolean
  readonly systemIdentifier: string
}

export interface Seal extends Coverage {
  readonly transfers: bigint
  readonly digest: Buffer
  readonly mac: Buffer
  readonly at: Date
}

/** A transfer as stored, with its time in microseconds since 1970. */
export interface SealedTransfer {
  readonly id: string
  readonly seq: bigint
  readonly xid: bigint
  readonly src: bigint
  readonly dst: bigint
  readonly amount: bigint
  readonly asset: string
  readonly kind: string
  readonly ref: string
  readonly micros: bigint
}

/** Digest that the first seal is chained to. */
export const GENESIS: Buffer = createHash('sha256').update('purser ledger').digest()

/** Returns SHA-256 over the previous digest and one JSON line per transfer. Only strings are used, so the encoding is unambiguous. */
export function digestOf(before: Buffer, transfers: readonly SealedTransfer[]): Buffer {
  const hash = createHash('sha256').update(before)
  for (const { id, seq, xid, src, dst, amount, asset, kind, ref, micros } of transfers) {
    const numbers = [seq, xid, src, dst, amount, micros].map(String)
    hash.update(`${JSON.stringify([id, ...numbers, asset, kind, ref])}\n`)
  }
  return hash.digest()
}

/** Returns the MAC over every field. Write access to the database is not enough to create a seal: it needs the key. */
export function macOf(key: Buffer, seal: Omit<Seal, 'mac'>): Buffer {
  const { number, afterSeq, lastSeq, fromXid, toXid, restored, systemIdentifier, transfers, digest, at } = seal
  const numbers = [number, afterSeq, lastSeq, fromXid, toXid, transfers].map(String)
  const text = JSON.stringify([
    ...numbers,
    String(restored),
    systemIdentifier,
    digest.toString('hex'),
    at.toISOString(),
  ])
  return createHmac('sha256', key).update(text).digest()
}

export function hasValidMac(key: Buffer, seal: Seal): boolean {
  const expected = macOf(key, seal)
  return seal.mac.length === expected.length && timingSafeEqual(seal.mac, expected)
}

/** Returns the start of the next seal: after this one, or after everything when this one was the first after a restore. */
export function nextStart(last: Coverage): Pick<Coverage, 'afterSeq' | 'fromXid'> {
  return last.restored ? { afterSeq: last.lastSeq, fromXid: 0n } : { afterSeq: last.afterSeq, fromXid: last.toXid }
}

/** Returns whether a seal starts where the previous one ends. */
export function continuesFrom(seal: Coverage, last: Coverage | undefined): boolean {
  const start = last ? nextStart(last) : { afterSeq: 0n, fromXid: 0n }
  const sameServer = !last || seal.restored || seal.systemIdentifier === last.systemIdentifier
  const inOrder = seal.lastSeq >= (last?.lastSeq ?? 0n)
  return seal.afterSeq === start.afterSeq && seal.fromXid === start.fromXid && sameServer && inOrder
}
