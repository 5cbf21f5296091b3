import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'

/** Text that must never be printed. Logs, JSON, templates and the inspector show `[secret]`. */
export class Secret {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  /** Returns the plain text. Call it only where the text is used. */
  reveal(): string {
    return this.#text
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [inspect.custom](): string {
    return '[secret]'
  }
}

/** Compares two texts of equal length in constant time. Texts of different lengths are unequal. */
export function equalSecret(given: string, expected: string): boolean {
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}

const prepared = new WeakMap<Buffer, KeyObject>()

/** Returns HMAC-SHA256 as hex. The database stores this hash instead of a credential that callers present. */
export function keyedHash(key: Buffer, text: string): string {
  // Cache the key object: creating it costs seven times as much as the hash, on every callback.
  const secret = prepared.get(key) ?? createSecretKey(key)
  prepared.set(key, secret)
  return createHmac('sha256', secret).update(text).digest('hex')
}
