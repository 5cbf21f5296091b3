import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { after, test } from 'node:test'
import { rawSql, sql } from '#platform/database/db'
import { openWorld } from '../world.ts'
import { ask, assertBooksHold, assertRefused, create, find, PAYMENTS, prompt } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const count = async (): Promise<number> => {
  const { body } = await world.api('GET', `${PAYMENTS}?limit=100`)
  return body.data.length
}

const BODIES: readonly [body: object, param: string | undefined, says: RegExp][] = [
  // Amounts
  [{ amount: '-5' }, 'amount', /positive decimal string/],
  [{ amount: '-0.01' }, 'amount', /positive decimal string/],
  [{ amount: '0' }, 'amount', /more than zero/],
  [{ amount: '0.00' }, 'amount', /more than zero/],
  [{ amount: '1.005' }, 'amount', /more than 2 decimals/],
  [{ amount: '5000.5', currency: 'JPY' }, 'amount', /whole number such as "1500": JPY has no decimals/],
  [{ amount: '1000000000.01' }, 'amount', /at most 1000000000\.00/],
  [{ amount: '9'.repeat(30) }, 'amount', /too large/],
  [{ amount: '9'.repeat(5000) }, 'amount', /too large/],
  [{ amount: '200000', methods: ['mpesa'] }, 'amount', /above the maximum.*KES 150000\.00/],
  [{ amount: '0.50' }, 'amount', /below the minimum/],
  [{ amount: 1500 }, 'amount', /string such as "1500\.00", not a number/],
  [{ amount: 1500.5 }, 'amount', /string such as "1500\.00"/],
  [{ amount: null }, 'amount', /string/],
  [{ amount: ['1500'] }, 'amount', /string/],
  [{ amount: {} }, 'amount', /string/],
  [{ amount: true }, 'amount', /string/],
  [{ amount: '' }, 'amount', /positive decimal string/],
  [{ amount: ' 1500' }, 'amount', /positive decimal string/],
  [{ amount: '1,500.00' }, 'amount', /positive decimal string/],
  [{ amount: '1e3' }, 'amount', /positive decimal string/],
  [{ amount: '0x10' }, 'amount', /positive decimal string/],
  [{ amount: '1500.' }, 'amount', /positive decimal string/],
  [{ amount: '.5' }, 'amount', /positive decimal string/],
  [{ amount: '١٥٠٠' }, 'amount', /positive decimal string/],
  [{ amount: 'NaN' }, 'amount', /positive decimal string/],
  [{ amount: undefined }, 'amount', /amount/],
  // Currencies and methods
  [{ currency: 'KEX' }, 'currency', /not known.*"KES"/],
  [{ currency: 'kes' }, 'currency', /capitals/],
  [{ currency: '' }, 'currency', /capitals/],
  [{ currency: 404 }, 'currency', /string/],
  [{ currency: undefined }, 'currency', /currency is missing/],
  [{ currency: 'XTR', amount: '5' }, 'currency', /not accepted by any payment method/],
  [{ currency: 'USD', methods: ['mpesa'] }, 'methods', /"mpesa" is unknown, or does not accept USD/],
  [{ methods: ['mpesa', 'barter'] }, 'methods', /"barter"/],
  [{ methods: [] }, 'methods', /methods/],
  [{ methods: 'mpesa' }, 'methods', /array/],
  [{ methods: [7] }, 'methods.0', /string/],
  // The payer
  [
    { customer: { phone: '12' } },
    'customer.phone',
    /not a phone number\. Write it like 0712 345 678 or \+254712345678/,
  ],
  [{ customer: { phone: '' } }, 'customer.phone', /not a phone number/],
  [{ customer: { phone: '0'.repeat(1000) } }, 'customer.phone', /not a phone number/],
  // No method of this currency prompts phones, so the country of a national number is unknown.
  [{ currency: 'USD', customer: { phone: '0712 345 678' } }, 'customer.phone', /with its country code/],
  [{ customer: { email: 'asha at example.com' } }, 'customer.email', /e-mail address/],
  [{ customer: { name: 'x'.repeat(201) } }, 'customer.name', /200 characters/],
  [{ customer: 'Asha' }, 'customer', /object/],
  [{ customer: { age: 7 } }, 'customer.age', /not a known field/],
  // The rest
  [{ description: 'x'.repeat(201) }, 'description', /200 characters/],
  [{ description: 'null \0 character' }, 'description', /null characters/],
  [{ reference: 'broken \ud800 unicode' }, 'reference', /broken Unicode/],
  [{ customer: { name: '\0' } }, 'customer.name', /null characters/],
  [{ metadata: { a: '\0' } }, 'metadata.a', /null characters/],
  [{ metadata: { '\ud800': 'a' } }, 'metadata.\ud800', /broken Unicode/],
  [{ metadata: { a: 1 } }, 'metadata.a', /string/],
  [{ metadata: { ['x'.repeat(41)]: 'a' } }, `metadata.${'x'.repeat(41)}`, /metadata/],
  [{ metadata: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, 'v'])) }, 'metadata', /50 keys/],
  [{ return_url: 'javascript:alert(1)' }, 'return_url', /URL/],
  [{ return_url: '/thanks' }, 'return_url', /URL/],
  [{ return_url: 'https://evil.example/' }, 'return_url', /not on a registered origin; register it with/],
  [{ expires_in: 0 }, 'expires_in', /1/],
  [{ expires_in: 60.5 }, 'expires_in', /int/],
  [{ expires_in: '60' }, 'expires_in', /number/],
  [{ expires_in: 604_801 }, 'expires_in', /604800/],
  [{ ammount: '5' }, 'ammount', /not a known field/],
]

void test('invalid payment fields are refused with the field and advice, and create nothing', async () => {
  const before = await count()
  for (const [body, param, says] of BODIES) {
    const answer = await ask(world, body)
    const what = JSON.stringify(body).slice(0, 100)
    const expected = { status: 422, code: 'validation-failed', says, ...(param !== undefined && { param }) }
    if (param?.includes('\ud800')) assert.equal(answer.status, 422, what)
    else assertRefused(answer, expected, what)
    assert.ok(answer.body.error.message.length < 300, `${what}: a message is one sentence`)
  }
  assert.equal(await count(), before)
})

void test('a body that is not a JSON object is refused', async () => {
  const send = (body: string) => world.api('POST', PAYMENTS, body)
  for (const body of ['{"amount":', '{amount:"5"}', "{'amount':'5'}", 'amount=5', '{"a":1}{"b":2}', '\u0000', '\ufeff'])
    assertRefused(await send(body), { status: 400, code: 'invalid-json', says: /not valid JSON/ }, body)
  for (const body of ['{"__proto__":{"amount":"5"}}', '{"constructor":{"prototype":{}}}'])
    assertRefused(await send(body), { status: 400, code: 'invalid-json' }, body)
  for (const body of ['null', '[]', '"text"', '5', 'true'])
    assertRefused(await send(body), { status: 422, code: 'validation-failed', says: /object/ }, body)
  assertRefused(await send(''), { status: 422, code: 'validation-failed', says: /body is missing.*JSON object/ })
})

void test('a body of a megabyte is refused', async () => {
  const before = await count()
  const body = JSON.stringify({ amount: '5', currency: 'KES', description: 'x'.repeat(1_000_000) })
  assertRefused(await world.api('POST', PAYMENTS, body), {
    status: 413,
    code: 'body-too-large',
    says: /Send a smaller one/,
  })
  assert.equal((await chunked(body)).status, 413, 'with and without Content-Length')
  assert.equal(await count(), before)
})

/** Sends a body without Content-Length. */
const chunked = (body: string): Promise<{ status: number | undefined }> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${world.key}`, 'content-type': 'application/json' }
    const sent = httpRequest(`${world.url}${PAYMENTS}`, { method: 'POST', headers }, (answer) => {
      answer.resume()
      resolve({ status: answer.statusCode })
    })
    let answered = false
    sent.on('response', () => (answered = true))
    sent.on('error', (error) => void (answered || reject(error)))
    for (let at = 0; at < body.length; at += 10_000) sent.write(body.slice(at, at + 10_000))
    sent.end()
  })

void test('a body of another content type is refused', async () => {
  const before = await count()
  const body = '{"amount":"5","currency":"KES"}'
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/json',
  ])
    assertRefused(
      await world.api('POST', PAYMENTS, body, { 'content-type': type }),
      { status: 415, code: 'unsupported-media-type', says: /Content-Type: application\/json/ },
      type,
    )
  assert.equal(await count(), before)
  const charset = { 'content-type': 'application/json; charset=utf-8' }
  assert.equal((await world.api('POST', PAYMENTS, body, charset)).status, 201)
})

void test('unknown paths and methods are refused', async () => {
  for (const path of ['/api/v1/payment', '/api/v2/payments', `${PAYMENTS}/x/y/z`])
    assertRefused(await world.api('GET', path), { status: 404, code: 'not-found', says: /Check the path/ }, path)
  const put = await world.api('PUT', PAYMENTS, {})
  assertRefused(put, { status: 405, code: 'method-not-allowed', says: /GET.*POST/ })
  assert.match(put.headers.get('allow') ?? '', /POST/)
  const odd = [
    'pay_',
    'pay_01kf0e4afge398ejs1g0a1x3jp',
    'att_01kf0e4afge398ejs1g0a1x3jp',
    '%00',
    "'; drop--",
    'PAY_1',
    '..',
  ]
  for (const id of odd) {
    const { status, body } = await world.api('GET', `${PAYMENTS}/${encodeURIComponent(id)}`)
    assert.equal(status, 404, `${id} ${JSON.stringify(body)}`)
  }
  assert.equal((await world.api('GET', `${PAYMENTS}/${'x'.repeat(100)}`)).status, 404)
})

void test('the caller’s request id is returned', async () => {
  const answer = await world.api('GET', `${PAYMENTS}/none`, undefined, { 'x-request-id': 'order-1042-a' })
  assert.equal(answer.headers.get('x-request-id'), 'order-1042-a')
  assert.equal(answer.body.error.request_id, 'order-1042-a')
})

void test('doc_url of each error links to an existing anchor', async () => {
  const page = await fetch(`${world.url}/docs/errors`)
  assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8'])
  const text = await page.text()
  assert.doesNotMatch(text, /(?:src|href|action)="?https?:|@import|url\(/, 'no external resources')
  assert.equal((await fetch(`${world.url}/docs/errors.css`)).status, 200)
  const { body } = await ask(world, { amount: '0' })
  const [url, anchor] = body.error.doc_url.split('#')
  assert.equal(url, `${world.url}/docs/errors`)
  assert.ok(text.includes(`<section id="${anchor}">`))

  // Every error code of the API is documented there.
  const sources = globSync('src/{platform/web/http,platform/web/idempotency,gateway}/**/*.ts').concat(
    globSync('src/platform/web/limits.ts'),
    globSync('src/{payments,webhooks}/{errors,routes}.ts'),
    globSync('src/identity/authenticate.ts'),
  )
  const thrown = sources
    .filter((path) => !path.endsWith('.test.ts') && !/(^|\/)commands(\.ts|\/)/.test(path))
    .flatMap((path) => [
      ...readFileSync(path, 'utf8').matchAll(/new AppError\(\s*'([a-z.-]+)'|^\s*'([a-z-]+)',\n\s*4\d\d,/gm),
    ])
    .map(([, thrownCode, listed]) => thrownCode ?? listed ?? '')
  assert.ok(thrown.length > 30)
  // `platform.…` codes appear only in the terminal of the operator, like those of the commands.
  assert.deepEqual(
    [...new Set(thrown)].filter((code) => !code.startsWith('platform.') && !text.includes(`<section id="${code}">`)),
    [],
  )
})

void test('the books hold afterwards', () => assertBooksHold(world))

void test('disabled methods give 503 without naming missing settings', async () => {
  await using bare = await openWorld({ mode: 'live' })
  for (const [body, param] of [
    [{}, 'currency'],
    [{ methods: ['mpesa'] }, 'methods'],
    [{ methods: ['card'] }, 'methods'],
  ] as const) {
    const answer = await ask(bare, body)
    assertRefused(answer, { status: 503, code: 'payments.method-unavailable', param, says: /not available now/ })
    assert.doesNotMatch(JSON.stringify(answer.body), /_KEY|_SECRET|PASSKEY/)
  }
})

void test('an unreachable database gives 503 with a time to wait, reveals nothing, and recovers', async () => {
  await using other = await openWorld()
  const { owner } = other.database
  const { id } = await create(other)
  const { name } = await owner.one<{ name: string }>(sql`select current_database() as name`)
  await owner.run(rawSql(`alter database ${name} connection limit 0`))
  await owner.run(sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = ${name} and pid <> pg_backend_pid() and usename <> current_user`)
  const headers = { 'idempotency-key': 'while-away' }
  for (const act of [
    () => ask(other, {}, headers),
    () => other.api('GET', `${PAYMENTS}/${id}`),
    () => other.api('GET', '/api/v1/balance'),
    () => prompt(other, id, '254700000001', headers),
  ]) {
    const answer = await act()
    assertRefused(answer, { status: 503, code: 'unavailable', says: /Try again soon/ })
    assert.doesNotMatch(JSON.stringify(answer.body), /pool|postgres|sql|connection/i)
  }
  await owner.run(rawSql(`alter database ${name} connection limit -1`))
  assert.equal((await ask(other, {}, headers)).status, 201)
  assert.equal((await prompt(other, id, '254700000001', headers)).status, 201)
  assert.equal((await find(other, id)).attempts.length, 1)
})
