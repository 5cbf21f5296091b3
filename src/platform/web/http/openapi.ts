import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { addSamples } from './samples.ts'
import type { HttpServer, Refusal } from './types.ts'

/** Schema of the error body, for the documentation. `errorBody` creates it. */
const errorSchema = z
  .object({
    error: z.object({
      code: z.string().meta({ description: 'Machine-readable error code', examples: ['validation-failed'] }),
      message: z.string().meta({ description: 'Explanation for people: what happened and what to do' }),
      param: z.string().optional().meta({ description: 'The invalid field, with dots between nested names' }),
      request_id: z.string(),
      doc_url: z.url(),
    }),
  })
  .meta({ id: 'Error' })

const ERRORS = {
  description: 'An error; see its code',
  content: { 'application/json': { schema: errorSchema } },
}

const IDEMPOTENCY_KEY = {
  type: 'object',
  properties: {
    'Idempotency-Key': {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      description:
        'Unique key of this request. Within 30 days a repeat with the same key and body returns the first response.',
    },
  },
} as const

const RETRY_AFTER = { 'Retry-After': { type: 'integer', description: 'Seconds to wait before the next attempt' } }
const REPLAYED = {
  'Idempotent-Replayed': {
    type: 'string',
    enum: ['true'],
    description: 'Present when this is the stored response to an earlier request with the same Idempotency-Key',
  },
}

/** A response in the OpenAPI document, before its references are resolved. */
interface DocumentedResponse {
  headers?: object
  description?: string
  content?: Record<string, { schema?: unknown; examples?: object }>
}

const EXAMPLE = 'x-example-body'

type Transform = ReturnType<typeof createJsonSchemaTransform>

/** Completes the documentation of a route with its error responses, examples and idempotency headers. */
const describeRoute =
  (toJsonSchema: Transform): Transform =>
  (document) => {
    const { schema, route } = document
    if (!schema) return toJsonSchema(document)
    const { refusals = [], idempotent, exampleBody } = route.config ?? {}
    const byStatus = Map.groupBy(refusals, ({ status }) => String(status))
    const given = (schema as { response?: object }).response
    const response: Record<string, unknown> = { ...given, '4XX': ERRORS, '5XX': ERRORS }
    for (const [status, all] of byStatus)
      response[status] = { ...ERRORS, description: all.map(({ code }) => code).join(', ') }
    const done = toJsonSchema({ ...document, schema: { ...schema, response } })
    const responses = done.schema['response'] as Record<string, DocumentedResponse>
    for (const [status, all] of byStatus) addExamples(responses[status], all)
    // Store the example on the operation. `finishDocument` moves it, because the body is only a reference at this point.
    if (exampleBody) Object.assign(done.schema, { [EXAMPLE]: exampleBody })
    if (!idempotent) return done
    done.schema['headers'] = IDEMPOTENCY_KEY
    for (const status of Object.keys(given ?? {})) responses[status] = { ...responses[status], headers: REPLAYED }
    return done
  }

function addExamples(response: DocumentedResponse | undefined, refusals: readonly Refusal[]): void {
  const content = response?.content?.['application/json']
  if (!response || !content) return
  content.examples = Object.fromEntries(refusals.map((refusal) => [refusal.code, exampleOf(refusal)]))
  if (refusals.some(({ status }) => status === 429 || status === 503)) response.headers = RETRY_AFTER
}

const exampleOf = ({ code, message, param }: Refusal): object => ({
  value: {
    error: {
      code,
      message,
      ...(param === undefined ? {} : { param }),
      request_id: 'req_x7Kq2mPz01a4',
      doc_url: `https://pay.example.com/docs/errors#${code}`,
    },
  },
})

const API_DESCRIPTION = `The API of Purser. Send \`Authorization: Bearer sk_…\` with every request.

- Amounts are decimal strings (\`"10.50"\`) with their currency, never numbers. Times are ISO 8601 in UTC.
- Every error is \`{"error": {"code", "message", "param", "request_id", "doc_url"}}\`; see [all codes](/docs/errors). Give the \`request_id\`
  (also in the header \`X-Request-Id\`) to support.
- On 429 and 503 wait for \`Retry-After\` seconds. \`RateLimit-Limit\`, \`RateLimit-Remaining\` and \`RateLimit-Reset\` show the remaining
  requests of a key.
- With an \`Idempotency-Key\` a request takes effect once. If no response arrives, send the same request with the same key again.`

/** Documents the routes that have tags, as OpenAPI 3.1. Call it before any route is added. */
export async function addOpenApi(app: HttpServer, version: string): Promise<void> {
  const withComponents = createJsonSchemaTransformObject({})
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Purser', version, description: API_DESCRIPTION },
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'API key: sk_test_… or sk_live_…' } },
      },
      security: [{ bearer: [] }],
    },
    hideUntagged: true,
    convertConstToEnum: false,
    transform: describeRoute(createJsonSchemaTransform({ skipList: [] })),
    transformObject: (document) => finishDocument(app, removeUnusedSchemas(withComponents(document) as Document)),
  })
}

type Document = Extract<Parameters<SwaggerTransformObject>[0], { openapiObject: unknown }>['openapiObject']

/** Removes schemas that no route references. Each named schema exists as input and as output, and often only one is used. */
function removeUnusedSchemas(document: Document): Document {
  const { schemas = {} } = document.components ?? {}
  const used = new Set<string>()
  const visit = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue
      used.add(name)
      visit(schemas[name] ?? {})
    }
  }
  visit({ ...document, components: {} })
  const kept = Object.entries(schemas)
    .filter(([name]) => used.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(kept) } } as Document
}

interface Operation {
  tags?: string[]
  security?: readonly object[]
  requestBody?: { content?: Record<string, { example?: object }> }
  responses?: Record<string, DocumentedResponse & { content?: Record<string, { schema?: { $ref?: string } }> }>
  [EXAMPLE]?: object
}

function finishDocument(app: HttpServer, document: Document): Document {
  const schemas = (document.components?.schemas ?? {}) as Record<string, { description?: string }>
  for (const path of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(path as Record<string, Operation>)) finishOperation(operation, schemas)
  }
  addSamples(app, document)
  return { ...document, tags: listTags(document) }
}

/** Lists the tags in display order: the order of the routes, with the tags of unauthenticated routes last. */
function listTags({ paths = {} }: Document): { name: string }[] {
  const all = Object.values(paths).flatMap((path) => Object.values(path as Record<string, Operation>))
  const named = (operations: readonly Operation[]): string[] => operations.flatMap(({ tags = [] }) => tags)
  const isOpen = ({ security }: Operation): boolean => security?.length === 0
  const names = new Set([...named(all.filter((each) => !isOpen(each))), ...named(all.filter(isOpen))])
  return Array.from(names, (name) => ({ name }))
}

/** Replaces swagger's "Default Response" by the description of the response schema, and sets the example body. */
function finishOperation(operation: Operation, schemas: Record<string, { description?: string }>): void {
  for (const answer of Object.values(operation.responses ?? {})) {
    if (answer.description !== 'Default Response') continue
    const name = answer.content?.['application/json']?.schema?.$ref?.split('/').at(-1) ?? ''
    answer.description = schemas[name]?.description ?? 'Done'
  }
  const { [EXAMPLE]: example, requestBody } = operation
  const body = requestBody?.content?.['application/json']
  if (example && body) body.example = example
  delete operation[EXAMPLE]
}

/** Renders the OpenAPI document as deterministic text, for `/openapi.json` and the generated file. Call it after `app.ready()`. */
export const renderOpenApi = (app: HttpServer): string => `${JSON.stringify(app.swagger(), undefined, 2)}\n`
