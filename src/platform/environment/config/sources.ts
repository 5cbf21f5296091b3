import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { describeError } from '../../base/errors.ts'
import { Secret } from '../../base/secrets.ts'
import { findNearest } from './nearest.ts'
import type { ConfigSpec, Raw, Setting } from './spec.ts'

export interface Sources {
  env: Readonly<Record<string, string | undefined>>
  /** Path of the `.env` file. The file may be missing. */
  file?: string | undefined
}

export interface Read {
  raw: Raw
  problems: string[]
  warnings: string[]
}

type Texts = ReadonlyMap<string, string>

/** Reads the text of every setting from the environment, then from the file. Also reads aliases and `NAME_FILE`. */
export function readSources(specs: readonly ConfigSpec[], sources: Sources): Read {
  const problems: string[] = []
  const env = removeEmpty(sources.env)
  const file = readEnvFile(sources.file, problems)
  const raw = new Map<string, Secret>()
  const settings = specs.flatMap((spec) => Object.values(spec.settings))
  for (const one of settings) {
    const text = textOf(one, env, problems) ?? textOf(one, file, problems)
    if (text !== undefined) raw.set(one.name, new Secret(text))
  }
  const unknown = findUnknown(specs, env, file)
  return { raw, problems: [...problems, ...unknown.problems], warnings: unknown.warnings }
}

/** Removes empty variables. They count as not set, like in compose files. */
const removeEmpty = (env: Sources['env']): Map<string, string> =>
  new Map(Object.entries(env).flatMap(([name, text]) => (text?.trim() ? [[name, text.trim()]] : [])))

function readEnvFile(path: string | undefined, problems: string[]): Map<string, string> {
  if (path === undefined) return new Map()
  try {
    return removeEmpty(parseEnv(readFileSync(path, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      problems.push(`${path} cannot be read: ${describeError(error)}`)
    return new Map()
  }
}

function textOf(one: Setting, texts: Texts, problems: string[]): string | undefined {
  const found = namesOf(one).flatMap((name): (readonly [string, string])[] => {
    const text = texts.get(name)
    if (text !== undefined) return [[name, text]]
    return []
  })
  const [first, ...rest] = found
  const other = rest.find(([, text]) => text !== first?.[1])
  if (first && other) problems.push(`${first[0]} and ${other[0]} are the same setting but differ. Keep one of them.`)
  return first?.[1] ?? textOfFile(one, texts, problems)
}

function textOfFile(one: Setting, texts: Texts, problems: string[]): string | undefined {
  if (!one.secret) return undefined
  const name = fileNamesOf(one).find((candidate) => texts.has(candidate))
  const path = name === undefined ? undefined : texts.get(name)
  if (name === undefined || path === undefined) return undefined
  try {
    const text = readFileSync(path, 'utf8').trim()
    if (text === '') problems.push(`${name} names ${path}, which is empty. Write the secret into it.`)
    return text === '' ? undefined : text
  } catch (error) {
    problems.push(`${name} names ${path}, which cannot be read: ${describeError(error)}.`)
    return undefined
  }
}

const namesOf = (one: Setting): string[] => [one.name, ...one.aliases]
const fileNamesOf = (one: Setting): string[] => (one.secret ? namesOf(one).map((name) => `${name}_FILE`) : [])

/**
 * Finds names that no setting has. A name close to a known one is a typo that would silently lose a setting, so it stops the start.
 * Other names only cause a warning, because programs often share a `.env` file.
 */
function findUnknown(
  specs: readonly ConfigSpec[],
  env: Texts,
  file: Texts,
): { problems: string[]; warnings: string[] } {
  const settings = specs.flatMap((spec) => Object.values(spec.settings))
  const known = new Set(settings.flatMap((one) => [...namesOf(one), ...fileNamesOf(one)]))
  const modules = specs.map((spec) => spec.module).filter((name) => name !== 'platform')
  const prefixes = ['purser', ...modules].map((name) => `${name.toUpperCase().replaceAll('-', '_')}_`)
  const prefixed = [...env.keys()].filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
  const problems: string[] = []
  const warnings: string[] = []
  for (const name of new Set([...prefixed, ...file.keys()])) {
    if (known.has(name)) continue
    const where = file.has(name) ? ' in the .env file' : ''
    const { name: closest, typo } = findNearest(name, known)
    if (typo) problems.push(`${name}${where} is not a setting. Did you mean ${closest}?`)
    else warnings.push(`${name}${where} is not a setting and is ignored (the nearest is ${closest}).`)
  }
  return { problems, warnings }
}
