import type { HttpServer } from './types.ts'

/** Sample values for the documentation, for fields whose schema has none. */
export interface Samples {
  /** Values by field name (`currency`), or by path in a schema (`Payment.customer.name`), which overrides the schema's example. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Complete request bodies by operation id, for routes without their own. */
  readonly bodies: Readonly<Record<string, object>>
  /** Path parameters by the start of the path: `/api/v1/payments/`. */
  readonly ids: Readonly<Record<string, string>>
}

interface Node {
  properties?: Record<string, Node>
  items?: Node
  anyOf?: Node[]
  type?: unknown
  examples?: unknown[]
  minimum?: number
  maximum?: number
  $ref?: string
  const?: unknown
  enum?: unknown[]
}

interface Parameter {
  name: string
  in: string
  schema: Node
  example?: unknown
}

interface Operation {
  operationId?: string
  parameters?: Parameter[]
  requestBody?: { content?: Record<string, { schema?: Node; example?: object }> }
}

export interface Sampled {
  readonly components?: { schemas?: object } | undefined
  readonly paths?: object | undefined
}

const bySample = new WeakMap<object, Samples>()

/** Sets the sample values of the server's OpenAPI document. Call it before the first request for the document. */
export const setSamples = (app: HttpServer, samples: Samples): void => void bySample.set(app.server, samples)

/** Writes the samples into the document. Removes bounds that only state JavaScript's range of safe integers. */
export function addSamples(app: HttpServer, document: Sampled): void {
  const samples = bySample.get(app.server) ?? { fields: {}, bodies: {}, ids: {} }
  const schemas = (document.components?.schemas ?? {}) as Record<string, Node>
  for (const [name, schema] of Object.entries(schemas)) fill(schema, name.replace(/Input$/, ''), samples)
  for (const [path, methods] of Object.entries((document.paths ?? {}) as Record<string, Record<string, Operation>>)) {
    for (const operation of Object.values(methods)) addToOperation(path, operation, { samples, schemas })
  }
}

function addToOperation(
  path: string,
  { operationId = '', parameters = [], requestBody }: Operation,
  { samples, schemas }: { samples: Samples; schemas: Record<string, Node> },
): void {
  const idOf = Object.entries(samples.ids).find(([start]) => path.startsWith(start))?.[1]
  for (const parameter of parameters) {
    dropBounds(parameter.schema)
    if (parameter.in === 'path' && idOf !== undefined) parameter.example = idOf
  }
  const body = requestBody?.content?.['application/json']
  if (!body || body.example) return
  const [own] = schemas[body.schema?.$ref?.split('/').at(-1) ?? '']?.examples ?? []
  const example = samples.bodies[operationId] ?? own
  if (typeof example === 'object' && example !== null) body.example = example
}

/** Adds samples to a schema's fields at any depth. `name` is the schema's name without the suffix `Input`, then the path inside it. */
function fill(node: Node, name: string, samples: Samples): void {
  dropBounds(node)
  for (const inner of [...(node.anyOf ?? []), ...(node.items ? [node.items] : [])]) fill(inner, name, samples)
  for (const [field, property] of Object.entries(node.properties ?? {})) {
    fill(property, `${name}.${field}`, samples)
    const own = samples.fields[`${name}.${field}`]
    if (own !== undefined) property.examples = [own]
    else if (!hasSample(property)) {
      const value = isBoolean(property) ? false : samples.fields[field]
      if (value !== undefined) property.examples = [value]
    }
  }
}

const isBoolean = ({ type }: Node): boolean => type === 'boolean'

/** Returns whether the schema itself contains an example value. */
function hasSample({ examples, properties, $ref, anyOf = [], ...rest }: Node): boolean {
  if (examples || properties || $ref || 'const' in rest || rest.enum) return true
  return anyOf.some((one) => hasSample(one))
}

function dropBounds(node: Node): void {
  if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum
  if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum
}
