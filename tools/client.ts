import { readFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'

/** Writes the typed part of the client, packages/client/src/api.ts, from the OpenAPI document. */

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly description?: string
}

interface Operation {
  readonly operationId: string
  readonly summary?: string
  readonly tags: readonly string[]
  readonly description?: string
  readonly security?: readonly object[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema: Schema
    readonly description?: string
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<
    Record<
      string,
      { readonly content?: Readonly<Record<string, { readonly schema: Schema; readonly examples?: object }>> }
    >
  >
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const PATH = 'packages/client/src/api.ts'

export const clientGenerator = {
  path: PATH,
  make: async (): Promise<string> => {
    const document = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as OpenApi
    return format(clientText(document), { ...(await resolveConfig(PATH)), filepath: PATH })
  },
}

/** Before prettier has been over it. */
export function clientText(document: OpenApi): string {
  const { schemas } = document.components
  const all = Object.entries(document.paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    )
    // What needs no key is for operators and pages.
    .filter(({ operation }) => (operation.security?.length ?? 0) > 0)
  const used = usedBy(
    all.map(({ operation }) => operation),
    schemas,
  )
  return [
    '// Written by `npm run generate` from docs/openapi.json: change the API, not this file.\n',
    `import type { CallOptions } from './options.ts'\n`,
    ...Object.entries(schemas)
      .filter(([name]) => used.has(name))
      .map(([name, schema]) => `${words(schema.description)}export type ${name} = ${typeOf(schema)}\n`),
    `/** What programs react to. Others may come with later versions. */\nexport type ErrorCode = ${codesOf(all.map(({ operation }) => operation))} | (string & {})\n`,
    `export const OPERATIONS = {${all.map(rowOf).join('')}} as const satisfies Record<string, OperationRow>\n`,
    `/** How an operation is sent. */\nexport interface OperationRow {\n${ROW}}\n`,
    `/** The operations. Each throws PurserError for an error answer and ConnectionError when no answer came. */\nexport interface Operations {${all.map(({ operation }) => methodOf(operation)).join('')}}\n`,
    `/** Lists, as one item after the other: further pages are asked for on the way. */\nexport interface Iterators {${all.flatMap(({ operation }) => iteratorOf(operation, schemas)).join('')}}\n`,
  ].join('\n')
}

const ROW = `  readonly method: string
  readonly path: string
  /** Names in the path, in the order of the arguments. */
  readonly params: readonly string[]
  /** What the argument after them is. */
  readonly takes: 'body' | 'query' | 'nothing'
  /** Takes an Idempotency-Key, so it may be sent again. */
  readonly keyed: boolean
  readonly answer: 'json' | 'stream'
`

function rowOf({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const keyed = (operation.parameters ?? []).some(({ name }) => name === 'Idempotency-Key')
  const params = namesIn(operation).map((name) => `'${name}'`)
  const takes = operation.requestBody ? 'body' : queryOf(operation).length > 0 ? 'query' : 'nothing'
  const answer = answerOf(operation) ? 'json' : 'stream'
  return `${operation.operationId}: { method: '${method}', path: '${path}', params: [${params.join(', ')}], takes: '${takes}', keyed: ${String(keyed)}, answer: '${answer}' },\n`
}

function methodOf(operation: Operation): string {
  const answer = answerOf(operation)
  const said = [operation.summary, operation.description].filter((part) => part !== undefined).join('. ')
  const to = answer ? typeOf(answer) : 'Response'
  return `${words(said)}${operation.operationId}(${argumentsOf(operation).join(', ')}): Promise<${to}>\n`
}

function iteratorOf(operation: Operation, schemas: OpenApi['components']['schemas']): string[] {
  const page = schemas[answerOf(operation)?.$ref?.split('/').at(-1) ?? '']
  const item = page?.properties?.['data']?.items
  if (!item || !queryOf(operation).some(({ name }) => name === 'cursor')) return []
  return [
    `${words(operation.summary)}${operation.operationId}(${argumentsOf(operation, 'cursor').join(', ')}): AsyncIterable<${typeOf(item)}>\n`,
  ]
}

function argumentsOf(operation: Operation, without = ''): string[] {
  const body = operation.requestBody?.content['application/json']?.schema
  const query = queryOf(operation).filter(({ name }) => name !== without)
  const given = body
    ? [`body: ${typeOf(body)}`]
    : query.length > 0
      ? [
          `query${query.some(({ required }) => required) ? '' : '?'}: ${objectOf(
            Object.fromEntries(
              query.map(({ name, schema, description }) => [
                name,
                { ...schema, ...(description !== undefined && { description }) },
              ]),
            ),
            query.flatMap(({ name, required }) => (required ? [name] : [])),
          )}`,
        ]
      : []
  return [...namesIn(operation).map((name) => `${name}: string`), ...given, 'options?: CallOptions']
}

const namesIn = ({ parameters = [] }: Operation): string[] =>
  parameters.flatMap(({ name, in: where }) => (where === 'path' ? [name] : []))
const queryOf = ({ parameters = [] }: Operation) => parameters.filter((each) => each.in === 'query')

/** Of the answer when all is well; undefined when that is no JSON, or a file of any size: the caller reads it as it comes. */
function answerOf({ responses, tags }: Operation): Schema | undefined {
  if (tags.includes('Exports')) return undefined
  const [, done] = Object.entries(responses).find(([status]) => status.startsWith('2')) ?? []
  return done?.content?.['application/json']?.schema
}

function codesOf(operations: readonly Operation[]): string {
  const codes = operations.flatMap(({ responses }) =>
    Object.values(responses).flatMap(({ content }) => Object.keys(content?.['application/json']?.examples ?? {})),
  )
  return [...new Set(codes)]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((code) => `'${code}'`)
    .join(' | ')
}

/** Names of the schemas that these operations lead to. */
function usedBy(operations: readonly Operation[], schemas: OpenApi['components']['schemas']): Set<string> {
  const used = new Set<string>()
  const visit = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue
      used.add(name)
      visit(schemas[name] ?? {})
    }
  }
  visit(operations)
  return used
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown'
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.anyOf) return schema.anyOf.map((each) => typeOf(each)).join(' | ')
  const types = [schema.type ?? []].flat()
  return types.length > 0 ? types.map((type) => plainType(type, schema)).join(' | ') : 'unknown'
}

function plainType(type: string, { items, properties, required, additionalProperties }: Schema): string {
  if (type === 'integer') return 'number'
  if (type === 'array') return `readonly (${items ? typeOf(items) : 'unknown'})[]`
  if (type !== 'object') return type
  if (properties) return objectOf(properties, required ?? [])
  return `Readonly<Record<string, ${typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'unknown'}>>`
}

/** What may be absent may also be undefined: callers put objects together from what they have. */
const objectOf = (properties: Readonly<Record<string, Schema>>, required: readonly string[]): string =>
  `{${Object.entries(properties)
    .map(([name, schema]) => {
      const there = required.includes(name)
      return `${words(schema.description)}readonly ${/^\w+$/.test(name) ? name : `'${name}'`}${there ? '' : '?'}: ${typeOf(schema)}${there ? '' : ' | undefined'}\n`
    })
    .join('')}}`

const words = (text: string | undefined): string =>
  text === undefined || text === '' ? '' : `\n/** ${text.replaceAll('*/', '*\\/').replaceAll(/\s+/g, ' ')} */\n`
