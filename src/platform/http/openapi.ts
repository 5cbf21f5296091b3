import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { HttpServer } from './types.ts'

/** The error answer, as documentation. `errorBody` makes it. */
const errorSchema = z
  .object({
    error: z.object({
      code: z.string().meta({ description: 'What programs react to', examples: ['validation-failed'] }),
      message: z.string().meta({ description: 'What people read' }),
      param: z.string().optional().meta({ description: 'The field that is wrong, with dots between names' }),
      request_id: z.string(),
      doc_url: z.url(),
    }),
  })
  .meta({ id: 'Error' })

const ERRORS = {
  description: 'An error: its code says which',
  content: { 'application/json': { schema: errorSchema } },
}

const IDEMPOTENCY_KEY = {
  type: 'object',
  properties: {
    'Idempotency-Key': {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      description: 'Your own id of this request. The same key and body give the first answer again, for 30 days.',
    },
  },
} as const

const ABOUT = `The API of Purser. Send \`Authorization: Bearer sk_…\` with every request. Amounts are decimal strings ("10.50")
with their currency, never numbers. Every error is \`{"error": {"code", "message", "param", "request_id", "doc_url"}}\`; on 429 and 503 wait
for \`Retry-After\` seconds.`

/** Documents the routes that have tags, as OpenAPI 3.1. Before any of them is added. */
export async function addOpenApi(app: HttpServer, version: string): Promise<void> {
  const toJsonSchema = createJsonSchemaTransform({ skipList: [] })
  const withComponents = createJsonSchemaTransformObject({})
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Purser', version, description: ABOUT },
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A key: sk_test_… or sk_live_…' } },
      },
      security: [{ bearer: [] }],
    },
    hideUntagged: true,
    convertConstToEnum: false,
    transform: (document) => {
      const { schema, route } = document
      const response = { ...(schema as { response?: object } | undefined)?.response, '4XX': ERRORS, '5XX': ERRORS }
      const done = toJsonSchema({ ...document, schema: schema && { ...schema, response } })
      if (route.config?.idempotent) done.schema['headers'] = IDEMPOTENCY_KEY
      return done
    },
    transformObject: (document) => withoutUnused(withComponents(document) as Document),
  })
}

type Document = Extract<Parameters<SwaggerTransformObject>[0], { openapiObject: unknown }>['openapiObject']

/** Each named schema exists as input and as output; only what some route refers to stays. */
function withoutUnused(document: Document): Document {
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

/** The OpenAPI document as text, the same for the same routes. For `/openapi.json` and the generated file. After `app.ready()`. */
export const renderOpenApi = (app: HttpServer): string => `${JSON.stringify(app.swagger(), undefined, 2)}\n`
