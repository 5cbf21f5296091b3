import { createHmac, timingSafeEqual } from 'node:crypto'
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

/** Keyed hash, hex: what is stored instead of a key that somebody shows us. */
export const keyedHash = (key: Buffer, text: string): string => createHmac('sha256', key).update(text).digest('hex')
