import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openWorld } from '../world.ts'
import { PAYMENTS } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

interface Operation {
  operationId: string
  summary: string
  tags: string[]
  security: unknown
  parameters?: { name: string; in: string; required?: boolean; schema: object }[]
  requestBody?: { required: boolean; content: Record<string, { schema: { $ref?: string }; example?: unknown }> }
  responses: Record<string, Response>
}
interface Response {
  description: string
  headers?: Record<string, unknown>
  content: Record<string, { schema: { $ref?: string }; examples?: Record<string, { value: any }> }>
}

const document: any = await (await fetch(`${world.url}/openapi.json`)).json()
const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
)

/** Yields every object in the document that has this field. */
function* findByField(part: unknown, field: string): Generator<Record<string, unknown>> {
  if (typeof part !== 'object' || part === null) return
  if (field in part) yield part as Record<string, unknown>
  for (const inner of Object.values(part)) yield* findByField(inner, field)
}

void test('payment operations come first, and operations without a key last', () => {
  const names = document.tags.map(({ name }: { name: string }) => name)
  assert.deepEqual([names[0], names.at(-1)], ['Payments', 'Public'])
  assert.deepEqual(new Set(names), new Set(operations.flatMap(({ operation }) => operation.tags)))
})

void test('the document is OpenAPI 3.1 and its references resolve', () => {
  assert.match(document.openapi, /^3\.1\.\d$/)
  assert.ok(document.info.title && document.info.version && document.info.description)
  assert.deepEqual(document.components.securitySchemes.bearer.type, 'http')
  assert.equal(document.components.securitySchemes.bearer.scheme, 'bearer')
  const refs = [...findByField(document, '$ref')].map(({ $ref }) => String($ref))
  assert.ok(refs.length > 20)
  for (const ref of refs) {
    const found = ref
      .replace(/^#\//, '')
      .split('/')
      .reduce((part, name) => part?.[name], document)
    assert.ok(found, ref)
  }
  assert.deepEqual([...findByField(document, 'nullable')], [], '`nullable` belongs to 3.0')
})

void test('the document has exactly the routes of the API', () => {
  const tree = world.app.http.printRoutes({ commonPrefix: false })
  const routes: string[] = []
  const above: string[] = []
  for (const line of tree.split('\n')) {
    const [, indent = '', part = '', methods = ''] = /^([ │]*[├└]── )(\S+)(?: \(([A-Z, ]+)\))?/.exec(line) ?? []
    if (part === '') continue
    const depth = indent.length / 4 - 1
    above.length = depth
    above.push(part)
    for (const method of methods.split(', ').filter((each) => each !== '' && each !== 'HEAD'))
      routes.push(`${method} ${above.join('').replaceAll(/:(\w+)/g, '{$1}')}`)
  }
  const ours = routes.filter((route) => / \/api\/(?:v1|metrics|warmup|crossmint)/.test(route)).toSorted()
  assert.ok(ours.length >= 6, tree)
  assert.deepEqual(operations.map(({ name }) => name).toSorted(), ours)
})

void test('each operation has a name, a description, security and its parameters', () => {
  const ids = operations.map(({ operation }) => operation.operationId)
  assert.equal(new Set(ids).size, ids.length)
  for (const { name, path, operation } of operations) {
    assert.match(operation.operationId, /^[a-z][A-Za-z]+$/, name)
    assert.match(operation.summary, /^[A-Z].{10,}/, name)
    assert.equal(operation.tags.length, 1, name)
    assert.deepEqual(operation.security, operation.tags[0] === 'Public' ? [] : [{ bearer: [] }], name)
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, each]) => each)
    const pathParameters = (operation.parameters ?? []).filter((each) => each.in === 'path')
    assert.deepEqual(
      pathParameters.map((each) => [each.name, each.required]),
      inPath.map((each) => [each, true]),
      name,
    )
  }
  const keyed = operations.filter(({ operation }) =>
    operation.parameters?.some((each) => each.name === 'Idempotency-Key'),
  )
  assert.deepEqual(keyed.map(({ operation }) => operation.operationId).toSorted(), [
    'createPayment',
    'createPaymentLink',
    'createRefund',
    'createStore',
    'createWebhookEndpoint',
    'redeliver',
    'redeliverRange',
    'rotateWebhookSecret',
    'startAttempt',
    'testWebhookEndpoint',
    'topUpCustomer',
  ])
  for (const { name, operation } of keyed) {
    const done = Object.entries(operation.responses).find(([status]) => status.startsWith('2'))
    assert.ok(done?.[1].headers?.['Idempotent-Replayed'], name)
  }
})

void test('bodies and responses have named schemas', () => {
  const refOf = (content: Response['content'] | undefined): string | undefined =>
    content?.['application/json']?.schema.$ref
  for (const { name, operation } of operations) {
    const done = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'))
    assert.equal(done.length, 1, name)
    if (done[0]?.[1].content['text/csv']) continue
    assert.match(
      refOf(done[0]?.[1].content) ?? '',
      /schemas\/(Api|PaymentLink|Merchant|Store|Metrics|Warmup|CrossmintConfig|Payment|Attempt|Balance|CustomerBalance|Transfer|Rate|\w*WebhookEndpoint|Delivery|DeliveryDetail|Redelivery|ReconciliationCase|Refund|\w+List)$/,
      name,
    )
    assert.doesNotMatch(done[0]?.[1].description ?? '', /Default/, name)
    if (operation.requestBody) assert.match(refOf(operation.requestBody.content) ?? '', /schemas\/\w+/, name)
  }
  const { Payment: payment, CreatePaymentInput: input } = document.components.schemas
  for (const field of ['amount', 'amount_received', 'amount_due', 'amount_refunded'])
    assert.equal(payment.properties[field].type, 'string', `${field} is never a number`)
  assert.deepEqual(input.required, ['amount', 'currency'])
  assert.ok([...findByField(input, 'examples')].length > 3)
})

void test('each operation lists its errors, each with an example in the common form', async () => {
  const page = await (await fetch(`${world.url}/docs/errors`)).text()
  for (const { name, operation } of operations) {
    const { responses } = operation
    const keyed = operation.tags[0] === 'Public' ? [] : ['401', '403', '422']
    const needed = [...keyed, '429', '503', ...(operation.requestBody ? ['400', '413', '415'] : [])]
    for (const status of needed) assert.ok(responses[status], `${name} ${status}`)
    for (const [status, response] of Object.entries(responses).filter(([each]) => /^[45]\d\d$/.test(each))) {
      const content = response.content['application/json']
      assert.equal(content?.schema.$ref, '#/components/schemas/Error', `${name} ${status}`)
      const examples = Object.entries(content?.examples ?? {})
      assert.ok(examples.length > 0, `${name} ${status}`)
      for (const [code, { value }] of examples) {
        assert.equal(value.error.code, code)
        assert.ok(value.error.message.length > 10)
        assert.ok(page.includes(`<section id="${code}">`), code)
      }
      if (status === '429' || status === '503') assert.ok(response.headers?.['Retry-After'], `${name} ${status}`)
    }
  }
  const attempts = operations.find(({ operation }) => operation.operationId === 'startAttempt')
  assert.ok(attempts?.operation.responses['404'] && attempts.operation.responses['409'])
})

void test('the example of a body works unchanged', async () => {
  const exampleOf = (id: string): unknown =>
    operations.find(({ operation }) => operation.operationId === id)?.operation.requestBody?.content['application/json']
      ?.example
  const created = await world.api('POST', PAYMENTS, exampleOf('createPayment'))
  assert.equal(created.status, 201, JSON.stringify(created.body))
  const path = `${PAYMENTS}/${created.body.id}/attempts`
  assert.equal((await world.api('POST', path, exampleOf('startAttempt'))).status, 201)
})

void test('the reference loads nothing from other origins', async () => {
  const page = await fetch(`${world.url}/docs`)
  assert.equal(page.status, 200)
  const html = await page.text()
  assert.doesNotMatch(html, /(src|href)="(https?:)?\/\//)
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  for (const [, path = ''] of html.matchAll(/src="([^"]+)"/g))
    assert.equal((await fetch(`${world.url}${path}`)).status, 200, path)
})
