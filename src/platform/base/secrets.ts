import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'

/** Text that must never be printed. It shows as `[secret]` in logs, JSON, templates and the inspector. */
export class Secret {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  /** The text itself, at the one place where it is used. */
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

/** Compares in constant time. Different lengths are different. */
export function equalSecret(given: string, expected: string): boolean {
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}

const prepared = new WeakMap<Buffer, KeyObject>()

/** Keyed hash (HMAC-SHA256), hex: what is stored instead of a key that somebody shows us. */
export function keyedHash(key: Buffer, text: string): string {
  // Preparing the key anew costs seven times as much as the hash, and each callback pays for it.
  const secret = prepared.get(key) ?? createSecretKey(key)
  prepared.set(key, secret)
  return createHmac('sha256', secret).update(text).digest('hex')
}
