import type { z } from 'zod'
import { Secret } from '../../base/secrets.ts'

/** Which world the program deals with. Fixed by the first start on a database. */
export type Mode = 'sandbox' | 'test' | 'live'

export interface SettingOptions {
  /** One line for `.env.example` and the console. */
  doc: string
  /** Comes out as `Secret`, can be read from the file that `NAME_FILE` names. */
  secret?: boolean
  /** Can also be set while the program runs, in the settings store. */
  runtime?: boolean
  /** Other names that mean the same. */
  aliases?: readonly string[]
  /** What `.env.example` shows as the value; the default of the schema otherwise. */
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

/** Setting name → its text as it was given. */
export type Raw = ReadonlyMap<string, Secret>

export interface Parsed<Out> {
  /** Frozen; undefined when there are problems. */
  value: Out | undefined
  /** One line each: what is wrong and what to set. */
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
  /** Contradictions between settings; each line says what to set. They stop the start. */
  problems?: (values: V, context: { mode: Mode }) => readonly string[]
  /** Allowed, but worth a line at the start. */
  warnings?: (values: V, context: { mode: Mode }) => readonly string[]
  /** Fills defaults that depend on other settings. */
  derive?: (values: V) => Out
}

/** One setting: its name in the environment, and the schema that turns its text into a value. */
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

/** The settings of one module. `ConfigOf<typeof spec>` is the type of its values. */
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

/** The value of one setting, or one line that says what is wrong with it. The text of a secret is never in that line. */
export function parseSetting(one: Setting, given: Secret | undefined): { value?: unknown; problem?: string } {
  const result = one.schema.safeParse(given?.reveal())
  if (result.success) {
    return { value: one.secret && typeof result.data === 'string' ? new Secret(result.data) : result.data }
  }
  const what = result.error.issues.map((issue) => issue.message).join('; ')
  if (given === undefined) return { problem: `${one.name} is not set: ${one.doc}` }
  return { problem: `${one.name}${one.secret ? '' : `=${given.reveal().slice(0, 100)}`} is not valid: ${what}` }
}
