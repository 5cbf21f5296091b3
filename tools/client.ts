import { readFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'

/** Generates the typed part of the client, packages/client/src/api.ts, from the OpenAPI document. */

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
    return format(renderClient(document), { ...(await resolveConfig(PATH)), filepath: PATH })
  },
}

/** Returns the source of the client's typed part, not yet formatted by prettier. */
export function renderClient(document: OpenApi): string {
  const { schemas } = document.components
  const all = Object.entries(document.paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    )
    // Operations without a key are for operators and pages.
    .filter(({ operation }) => (operation.security?.length ?? 0) > 0)
  const used = listUsedSchemas(
    all.map(({ operation }) => operation),
    schemas,
  )
  return [
    '// Written by `npm run generate` from docs/openapi.json: change the API, not this file.\n',
    `import type { CallOptions } from './options.ts'\n`,
    ...Object.entries(schemas)
      .filter(([name]) => used.has(name))
      .map(([name, schema]) => `${renderDoc(schema.description)}export type ${name} = ${renderType(schema)}\n`),
    `/** Error codes that programs react to. Later versions may add codes. */\nexport type ErrorCode = ${renderErrorCodes(all.map(({ operation }) => operation))} | (string & {})\n`,
    `export const OPERATIONS = {${all.map(renderRow).join('')}} as const satisfies Record<string, OperationRow>\n`,
    `/** Request of one operation. */\nexport interface OperationRow {\n${ROW}}\n`,
    `/** Operations. Each throws PurserError for an error response and ConnectionError without a response. */\nexport interface Operations {${all.map(({ operation }) => renderMethod(operation)).join('')}}\n`,
    `/** Lists as iterators over items. Each requests further pages as it goes. */\nexport interface Iterators {${all.flatMap(({ operation }) => renderIterator(operation, schemas)).join('')}}\n`,
  ].join('\n')
}

const ROW = `  readonly method: string
  readonly path: string
  /** Names of the path parameters, in the order of the arguments. */
  readonly params: readonly string[]
  /** Kind of the argument after the path parameters. */
  readonly takes: 'body' | 'query' | 'nothing'
  /** Takes an Idempotency-Key, so it can be retried. */
  readonly keyed: boolean
  readonly answer: 'json' | 'stream'
`

function renderRow({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const keyed = (operation.parameters ?? []).some(({ name }) => name === 'Idempotency-Key')
  const params = listPathNames(operation).map((name) => `'${name}'`)
  const takes = operation.requestBody ? 'body' : listQuery(operation).length > 0 ? 'query' : 'nothing'
  const answer = findResponse(operation) ? 'json' : 'stream'
  return `${operation.operationId}: { method: '${method}', path: '${path}', params: [${params.join(', ')}], takes: '${takes}', keyed: ${String(keyed)}, answer: '${answer}' },\n`
}

function renderMethod(operation: Operation): string {
  const answer = findResponse(operation)
  const doc = [operation.summary, operation.description].filter((part) => part !== undefined).join('. ')
  const to = answer ? renderType(answer) : 'Response'
  return `${renderDoc(doc)}${operation.operationId}(${renderArguments(operation).join(', ')}): Promise<${to}>\n`
}

function renderIterator(operation: Operation, schemas: OpenApi['components']['schemas']): string[] {
  const page = schemas[findResponse(operation)?.$ref?.split('/').at(-1) ?? '']
  const item = page?.properties?.['data']?.items
  if (!item || !listQuery(operation).some(({ name }) => name === 'cursor')) return []
  return [
    `${renderDoc(operation.summary)}${operation.operationId}(${renderArguments(operation, 'cursor').join(', ')}): AsyncIterable<${renderType(item)}>\n`,
  ]
}

function renderArguments(operation: Operation, without = ''): string[] {
  const body = operation.requestBody?.content['application/json']?.schema
  const query = listQuery(operation).filter(({ name }) => name !== without)
  const given = body
    ? [`body: ${renderType(body)}`]
    : query.length > 0
      ? [
          `query${query.some(({ required }) => required) ? '' : '?'}: ${renderObject(
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
  return [...listPathNames(operation).map((name) => `${name}: string`), ...given, 'options?: CallOptions']
}

const listPathNames = ({ parameters = [] }: Operation): string[] =>
  parameters.flatMap(({ name, in: where }) => (where === 'path' ? [name] : []))
const listQuery = ({ parameters = [] }: Operation) => parameters.filter((each) => each.in === 'query')

/** Returns the schema of the successful response. Undefined for exports and for responses without JSON: the caller reads their stream. */
function findResponse({ responses, tags }: Operation): Schema | undefined {
  if (tags.includes('Exports')) return undefined
  const [, done] = Object.entries(responses).find(([status]) => status.startsWith('2')) ?? []
  return done?.content?.['application/json']?.schema
}

function renderErrorCodes(operations: readonly Operation[]): string {
  const codes = operations.flatMap(({ responses }) =>
    Object.values(responses).flatMap(({ content }) => Object.keys(content?.['application/json']?.examples ?? {})),
  )
  return [...new Set(codes)]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((code) => `'${code}'`)
    .join(' | ')
}

/** Returns the names of all schemas that the operations refer to, directly or through other schemas. */
function listUsedSchemas(operations: readonly Operation[], schemas: OpenApi['components']['schemas']): Set<string> {
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

function renderType(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown'
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.anyOf) return schema.anyOf.map((each) => renderType(each)).join(' | ')
  const types = [schema.type ?? []].flat()
  return types.length > 0 ? types.map((type) => renderPlainType(type, schema)).join(' | ') : 'unknown'
}

function renderPlainType(type: string, { items, properties, required, additionalProperties }: Schema): string {
  if (type === 'integer') return 'number'
  if (type === 'array') return `readonly (${items ? renderType(items) : 'unknown'})[]`
  if (type !== 'object') return type
  if (properties) return renderObject(properties, required ?? [])
  return `Readonly<Record<string, ${typeof additionalProperties === 'object' ? renderType(additionalProperties) : 'unknown'}>>`
}

/** Renders an object type. Optional properties also accept undefined, so that callers can build objects from optional values. */
const renderObject = (properties: Readonly<Record<string, Schema>>, required: readonly string[]): string =>
  `{${Object.entries(properties)
    .map(([name, schema]) => {
      const isRequired = required.includes(name)
      return `${renderDoc(schema.description)}readonly ${/^\w+$/.test(name) ? name : `'${name}'`}${isRequired ? '' : '?'}: ${renderType(schema)}${isRequired ? '' : ' | undefined'}\n`
    })
    .join('')}}`

const renderDoc = (text: string | undefined): string =>
  text === undefined || text === '' ? '' : `\n/** ${text.replaceAll('*/', '*\\/').replaceAll(/\s+/g, ' ')} */\n`
