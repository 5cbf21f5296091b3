import { hash } from 'node:crypto'

/**
 * A SQL statement from a tagged template. Values become parameters, so that text and data never mix. A statement from a single
 * template gets a name and is prepared once per connection, which makes the hot paths fast.
 */
export class Sql {
  readonly text: string
  readonly values: readonly unknown[]
  /** Name of the prepared statement. Undefined for a statement composed of fragments. */
  readonly name: string | undefined
  readonly #strings: readonly string[]
  readonly #parts: readonly unknown[]

  constructor(strings: readonly string[], parts: readonly unknown[], name?: string, text?: string) {
    this.#strings = strings
    this.#parts = parts
    if (name !== undefined && text !== undefined) {
      this.text = text
      this.values = parts
      this.name = name
      return
    }
    const values: unknown[] = []
    this.text = this.#render(values)
    this.values = values
    this.name = undefined
  }

  #render(values: unknown[]): string {
    return this.#strings.reduce((text, string, i) => {
      const part = this.#parts[i - 1]
      if (part instanceof Sql) return text + part.#render(values) + string
      values.push(part)
      return `${text}$${values.length}${string}`
    })
  }
}

const prepared = new WeakMap<readonly string[], { name: string; text: string }>()

/**
 * Returns the name of a prepared statement: a hash of its text. Processes that share server connections behind a pooler must give
 * one name to one text only, or PostgreSQL would run the statement of another process.
 */
const nameOf = (text: string): string => `s_${hash('sha256', text, 'base64url').slice(0, NAME_LENGTH)}`
/** 120 bits of the hash. PostgreSQL cuts names at 63 bytes. */
const NAME_LENGTH = 20

/** Builds a statement: `` sql`select … where id = ${id}` ``. A value that is itself `sql` is inlined as a fragment. */
export function sql(strings: TemplateStringsArray, ...parts: readonly unknown[]): Sql {
  if (parts.some((part) => part instanceof Sql)) return new Sql(strings, parts)
  let known = prepared.get(strings)
  if (!known) {
    const text = strings.reduce((all, string, i) => `${all}$${i}${string}`)
    known = { name: nameOf(text), text }
    prepared.set(strings, known)
  }
  return new Sql(strings, parts, known.name, known.text)
}

/** Joins fragments with a separator, such as `` joinSql(conditions, sql` and `) ``. Without fragments the text is empty. */
export function joinSql(fragments: readonly Sql[], separator: Sql): Sql {
  const [first, ...rest] = fragments
  if (!first) return new Sql([''], [])
  return rest.reduce((all, next) => new Sql(['', '', '', ''], [all, separator, next]), first)
}

/** Inserts text into a statement unchanged. Only for constants in the code, never for input. */
export const rawSql = (text: string): Sql => new Sql([text], [])
