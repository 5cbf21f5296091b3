import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { z } from 'zod'
import { openWorld } from '../world.ts'

/** Checks the sample values of the OpenAPI document, which the reference shows and readers copy. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

interface Schema {
  $ref?: string
  type?: unknown
  examples?: unknown[]
  properties?: Record<string, Schema>
  anyOf?: Schema[]
  items?: Schema
  [other: string]: unknown
}
interface Operation {
  operationId: string
  tags: string[]
  parameters?: { name: string; in: string; required?: boolean; schema: Schema; example?: unknown }[]
  requestBody?: { content: Record<string, { schema: Schema; example?: object }> }
}

const document: any = await (await fetch(`${world.url}/openapi.json`)).json()
const schemas = document.components.schemas as Record<string, Schema>
const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(
  ([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ method, path, ...operation })),
)
const bodyOf = ({ requestBody }: Operation) => requestBody?.content['application/json']

/** Returns the schema with all references resolved. */
function resolveReferences(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(resolveReferences)
  if (typeof part !== 'object' || part === null) return part
  if ('$ref' in part) return resolveReferences(schemas[String(part.$ref).split('/').at(-1) ?? ''])
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, resolveReferences(value)]))
}

const problemsOf = (schema: Schema, value: unknown): string =>
  z.fromJSONSchema(resolveReferences(schema) as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value).error
    ?.message ?? ''

const isScalar = ({ type, anyOf }: Schema): boolean =>
  anyOf
    ? anyOf.some(isScalar)
    : ['string', 'integer', 'number'].some((one) => one === type || [type].flat().includes(one))

const showsItself = (schema: Schema): boolean =>
  ['examples', 'const', 'enum', 'default', '$ref'].some((word) => word in schema) ||
  schema.anyOf?.some(showsItself) === true

/** Yields every field of a schema at any depth with its path. */
function* fieldsOf(schema: Schema, path: string): Generator<readonly [path: string, field: Schema]> {
  for (const part of [schema, ...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])]) {
    if (part !== schema) yield* fieldsOf(part, path)
    for (const [name, field] of Object.entries(part === schema ? (part.properties ?? {}) : {})) {
      yield [`${path}.${name}`, field]
      yield* fieldsOf(field, `${path}.${name}`)
    }
  }
}

void test('every field has a valid sample, and no sample is a limit of JavaScript numbers', () => {
  const fields = Object.entries(schemas).flatMap(([name, schema]) => [...fieldsOf(schema, name)])
  assert.ok(fields.length > 300)
  for (const [path, field] of fields) {
    assert.ok(!isScalar(field) || showsItself(field), `${path} shows nothing`)
    for (const value of field.examples ?? []) {
      assert.equal(problemsOf(field, value), '', `${path}: ${JSON.stringify(value)}`)
      assert.ok(!/_01\w*…/.test(JSON.stringify(value)), `${path}: a truncated id`)
    }
  }
  assert.ok(!JSON.stringify(document).includes('9007199254740991'))
})

void test('every body has a valid sample', () => {
  const bodies = operations.filter((one) => bodyOf(one))
  assert.ok(bodies.length > 15)
  for (const one of bodies) {
    const { schema, example } = bodyOf(one) ?? {}
    assert.ok(schema && example, one.operationId)
    assert.equal(problemsOf(schema, example), '', one.operationId)
  }
})

void test('every required parameter has a valid sample', () => {
  for (const { operationId, parameters = [] } of operations)
    for (const { name, required, schema, example: value } of parameters.filter((one) => one.required)) {
      assert.ok(required && value !== undefined, `${operationId} ${name}`)
      assert.equal(problemsOf(schema, value), '', `${operationId} ${name}`)
    }
})

/** Sends an operation's sample unchanged, with the ids of this world in the path. */
async function paste(operationId: string, id = ''): Promise<any> {
  const one = operations.find((each) => each.operationId === operationId)
  assert.ok(one, operationId)
  const query = (one.parameters ?? [])
    .filter((each) => each.in === 'query' && each.required)
    .map(({ name, example }) => `${name}=${encodeURIComponent(String(example))}`)
  const own = (one.parameters ?? []).find((each) => each.in === 'path')?.example
  const path = one.path.replace('{id}', id === '' ? String(own) : id)
  const sent = await world.api(
    one.method.toUpperCase(),
    query.length > 0 ? `${path}?${query.join('&')}` : path,
    bodyOf(one)?.example,
  )
  assert.ok(sent.status >= 200 && sent.status < 300, `${operationId}: ${sent.status} ${JSON.stringify(sent.body)}`)
  return sent.body
}

void test('the samples work unchanged against the sandbox', async () => {
  const payment = await paste('createPayment')
  const body: any = bodyOf(operations.find((one) => one.operationId === 'startAttempt') ?? assert.fail())?.example
  assert.equal((await paste('startAttempt', payment.id)).status, 'pending', body.phone)
  await world.advance(10_000)
  assert.equal((await paste('getPayment', payment.id)).status, 'paid', 'this phone approves automatically')
  const refund = await paste('createRefund', payment.id)
  await paste('getRefund', refund.id)
  await paste('listRefundsOfPayment', payment.id)
  await paste('cancelPayment', (await paste('createPayment')).id)

  const link = await paste('createPaymentLink')
  await paste('getPaymentLink', link.id)
  await paste('updatePaymentLink', link.id)
  const store = await paste('createStore')
  await paste('updateStore', store.id)
  const endpoint = await paste('createWebhookEndpoint')
  for (const one of ['getWebhookEndpoint', 'updateWebhookEndpoint', 'rotateWebhookSecret', 'redeliverRange'])
    await paste(one, endpoint.id)
  const delivery = await paste('testWebhookEndpoint', endpoint.id)
  await paste('getDelivery', delivery.id)
  await paste('deleteWebhookEndpoint', endpoint.id)
  for (const { operationId, method, path, tags } of operations)
    if (method === 'get' && !path.includes('{id}') && !['Transfers', 'Reconciliation'].includes(tags[0] ?? ''))
      await paste(operationId)
  await paste('updateMerchant')
  await paste('getCustomerBalance')
})
