import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { describeError } from '../../base/errors.ts'
import { Secret } from '../../base/secrets.ts'
import { nearest } from './nearest.ts'
import type { ConfigSpec, Raw, Setting } from './spec.ts'

export interface Sources {
  env: Readonly<Record<string, string | undefined>>
  /** Path of the `.env` file; it may be missing. */
  file?: string | undefined
}

export interface Read {
  raw: Raw
  problems: string[]
  warnings: string[]
}

type Texts = ReadonlyMap<string, string>

/** Collects the text of every setting: environment first, then the file; aliases and `NAME_FILE` included. */
export function readSources(specs: readonly ConfigSpec[], sources: Sources): Read {
  const problems: string[] = []
  const env = present(sources.env)
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

/** An empty variable counts as not set, as in compose files. */
const present = (env: Sources['env']): Map<string, string> =>
  new Map(Object.entries(env).flatMap(([name, text]) => (text?.trim() ? [[name, text.trim()]] : [])))

function readEnvFile(path: string | undefined, problems: string[]): Map<string, string> {
  if (path === undefined) return new Map()
  try {
    return present(parseEnv(readFileSync(path, 'utf8')))
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
  if (first && other) problems.push(`${first[0]} and ${other[0]} mean the same and differ: keep one of them`)
  return first?.[1] ?? textOfFile(one, texts, problems)
}

function textOfFile(one: Setting, texts: Texts, problems: string[]): string | undefined {
  if (!one.secret) return undefined
  const name = fileNamesOf(one).find((candidate) => texts.has(candidate))
  const path = name === undefined ? undefined : texts.get(name)
  if (name === undefined || path === undefined) return undefined
  try {
    const text = readFileSync(path, 'utf8').trim()
    if (text === '') problems.push(`${name} names ${path}, which is empty: put the secret into it`)
    return text === '' ? undefined : text
  } catch (error) {
    problems.push(`${name} names ${path}, which cannot be read: ${describeError(error)}`)
    return undefined
  }
}

const namesOf = (one: Setting): string[] => [one.name, ...one.aliases]
const fileNamesOf = (one: Setting): string[] => (one.secret ? namesOf(one).map((name) => `${name}_FILE`) : [])

/**
 * Names that nothing reads. One close to a known name is a slip that would silently lose a setting, so it stops the start;
 * others get a line only, as a `.env` file is often shared with other programs.
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
  const ours = [...env.keys()].filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
  const problems: string[] = []
  const warnings: string[] = []
  for (const name of new Set([...ours, ...file.keys()])) {
    if (known.has(name)) continue
    const where = file.has(name) ? ' in the .env file' : ''
    const { name: closest, slip } = nearest(name, known)
    if (slip) problems.push(`${name}${where} is not a setting: did you mean ${closest}?`)
    else warnings.push(`${name}${where} is not a setting and is ignored (the nearest is ${closest})`)
  }
  return { problems, warnings }
}
