import type { z } from 'zod'
import { Secret } from '../../base/secrets.ts'

/** Kind of providers that the program uses: simulated, test or live. The first start writes it into the database, and later starts cannot change it. */
export type Mode = 'sandbox' | 'test' | 'live'

export interface SettingOptions {
  /** Description of one line for `.env.example` and the console. */
  doc: string
  /** The value is a `Secret`, and `NAME_FILE` may name a file that contains it. */
  secret?: boolean
  /** The setting can also be changed at run time, in the settings store. */
  runtime?: boolean
  /** Other accepted names of the setting. */
  aliases?: readonly string[]
  /** Value that `.env.example` shows. Default: the default of the schema. */
  example?: string
}

export interface Setting<T = unknown, IsSecret extends boolean = boolean> {
  readonly name: string
  readonly schema: z.ZodType<T>
  readonly doc: string
  readonly secret: IsSecret
  readonly runtime: boolean
  readonly aliases: readonly string[]
  readonly example: string | undefined
}

export type Shape = Readonly<Record<string, Setting>>
type Hidden<T> = T extends string ? Secret : T
export type Values<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T, infer X> ? (X extends true ? Hidden<T> : T) : never
}

/** Maps a setting name to its unparsed text. */
export type Raw = ReadonlyMap<string, Secret>

export interface Parsed<Out> {
  /** Frozen; undefined when there are problems. */
  value: Out | undefined
  /** One line per problem: what is wrong and what to set. */
  problems: string[]
  warnings: string[]
}

export interface ConfigSpec<Out = unknown, Name extends string = string> {
  readonly module: Name
  readonly settings: Shape
  parse(raw: Raw, context: { mode: Mode }): Parsed<Out>
}

export type ConfigOf<Spec> = Spec extends ConfigSpec<infer Out> ? Out : never

export interface SpecRules<V, Out> {
  /** Returns contradictions between settings. Each line says what to set. They stop the start. */
  problems?: (values: V, context: { mode: Mode }) => readonly string[]
  /** Returns warnings to show at the start. */
  warnings?: (values: V, context: { mode: Mode }) => readonly string[]
  /** Sets defaults that depend on other settings. */
  derive?: (values: V) => Out
}

/** Defines a setting: its name in the environment and the schema that parses its text. */
export function setting<Schema extends z.ZodType, const O extends SettingOptions>(
  name: string,
  schema: Schema,
  options: O,
): Setting<z.output<Schema>, O['secret'] extends true ? true : false> {
  const secret = (options.secret === true) as O['secret'] extends true ? true : false
  return Object.freeze({
    name,
    schema: schema as unknown as z.ZodType<z.output<Schema>>,
    doc: options.doc,
    secret,
    runtime: options.runtime === true,
    aliases: options.aliases ?? [],
    example: options.example,
  })
}

/** Defines the settings of one module. `ConfigOf<typeof spec>` is the type of their values. */
export function defineConfig<const Name extends string, S extends Shape, Out = Values<S>>(
  module: Name,
  settings: S,
  rules: SpecRules<Values<S>, Out> = {},
): ConfigSpec<Out, Name> {
  return Object.freeze({
    module,
    settings,
    parse: (raw: Raw, context: { mode: Mode }): Parsed<Out> => {
      const { values, problems } = parseValues(settings, raw)
      if (problems.length > 0) return { value: undefined, problems, warnings: [] }
      const contradictions = rules.problems?.(values, context) ?? []
      if (contradictions.length > 0) return { value: undefined, problems: [...contradictions], warnings: [] }
      const value = (rules.derive ? rules.derive(values) : values) as Out
      return { value: Object.freeze(value), problems: [], warnings: [...(rules.warnings?.(values, context) ?? [])] }
    },
  })
}

function parseValues<S extends Shape>(settings: S, raw: Raw): { values: Values<S>; problems: string[] } {
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  for (const [key, one] of Object.entries(settings)) {
    const parsed = parseSetting(one, raw.get(one.name))
    if (parsed.problem === undefined) values[key] = parsed.value
    else problems.push(parsed.problem)
  }
  return { values: values as Values<S>, problems }
}

/** Parses one setting. Returns its value, or a problem of one line that never contains the text of a secret. */
export function parseSetting(one: Setting, given: Secret | undefined): { value?: unknown; problem?: string } {
  const result = one.schema.safeParse(given?.reveal())
  if (result.success) {
    return { value: one.secret && typeof result.data === 'string' ? new Secret(result.data) : result.data }
  }
  const what = result.error.issues.map((issue) => issue.message).join('; ')
  if (given === undefined) return { problem: `${one.name} is not set. ${one.doc}` }
  return { problem: `${one.name}${one.secret ? '' : `=${given.reveal().slice(0, 100)}`} is not valid: ${what}` }
}
