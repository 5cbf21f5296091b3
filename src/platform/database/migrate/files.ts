import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../base/errors.ts'

/** The PostgreSQL schema of a module. `folder` holds migrations `NNNN-title.sql`, which run in order. */
export interface Schema {
  name: string
  folder: URL
}

export type Kind = 'expand' | 'concurrent' | 'batched' | 'contract'

export interface Migration {
  readonly schema: string
  /** File name, such as `0002-add-note.sql`. */
  readonly name: string
  readonly kind: Kind
  /** Contract: `schema/name` of the migration that every program knows whose code no longer needs the old shape. */
  readonly needs: string | undefined
  /** True: a running worker applies it after the start. False: the start applies it. */
  readonly deferred: boolean
  readonly text: string
  readonly hash: string
}

const FILE = /^\d{4}-[a-z0-9-]+\.sql$/
const KINDS: readonly string[] = ['expand', 'concurrent', 'batched', 'contract'] satisfies Kind[]
const HEADERS: readonly string[] = ['kind', 'needs', 'run']

/** Returns `schema/name`, the key of a migration. */
export const keyOf = ({ schema, name }: Pick<Migration, 'schema' | 'name'>): string => `${schema}/${name}`

/** Reads the migrations of all schemas in order. Throws `platform.bad-migration` for a header that is wrong. */
export const readMigrations = (schemas: readonly Schema[]): Migration[] => schemas.flatMap(readFolder)

function readFolder({ name: schema, folder }: Schema): Migration[] {
  const names = readdirSync(fileURLToPath(folder))
    .filter((file) => FILE.test(file))
    .toSorted()
  return names.map((name, index) => {
    const text = readFileSync(new URL(name, folder), 'utf8')
    const hash = createHash('sha256').update(text).digest('hex')
    return { schema, name, text, hash, ...readHeaders(`${schema}/${name}`, text, names.slice(0, index)) }
  })
}

/** Reads the lines `-- kind: …`, `-- needs: …` and `-- run: background` above the first statement. */
function readHeaders(
  key: string,
  text: string,
  earlier: readonly string[],
): Pick<Migration, 'kind' | 'needs' | 'deferred'> {
  const top = /^(?:\s*--.*\n|\s*\n)*/.exec(text)?.[0] ?? ''
  const found = [...top.matchAll(/^-- ([a-z]+): *(\S.*)$/gm)].map(([, name = '', value = '']) => [name, value.trim()])
  const headers = new Map(found.filter(([name = '']) => HEADERS.includes(name)) as [string, string][])
  const { kind = 'expand', needs, run } = Object.fromEntries(headers)
  if (!KINDS.includes(kind)) throw badMigration(key, `'${kind}' is no kind; use one of ${KINDS.join(', ')}`)
  if ((kind === 'contract') !== (needs !== undefined))
    throw badMigration(key, 'a contract migration, and no other, names what it needs: `-- needs: 0002-title`')
  if (needs !== undefined && !earlier.includes(`${needs}.sql`))
    throw badMigration(key, `it needs '${needs}', which is no earlier migration of this schema`)
  if (run !== undefined && (run !== 'background' || kind !== 'concurrent'))
    throw badMigration(key, '`-- run: background` is for concurrent migrations')
  return {
    kind: kind as Kind,
    needs: needs === undefined ? undefined : `${key.split('/')[0] ?? ''}/${needs}.sql`,
    deferred: kind === 'batched' || kind === 'contract' || run === 'background',
  }
}

export const badMigration = (key: string, problem: string): AppError =>
  new AppError('platform.bad-migration', 500, `Migration ${key} is not valid: ${problem}.`)

/**
 * Returns the statements of a `concurrent` or `batched` migration. Each ends with a semicolon at the end of a line; such a file has no
 * function bodies.
 */
export const statementsOf = (text: string): string[] =>
  text
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
