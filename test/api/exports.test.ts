import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { sql } from '#platform/database/db'
import { openWorld, type Answer } from '../world.ts'
import { waitFor } from '../wait.ts'
import { assertRefused, create, leap, paid, PAYMENTS } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const KINDS = ['payments', 'receipts', 'refunds', 'ledger'] as const
const ask = (file: string, headers?: Record<string, string>): Promise<Answer> =>
  world.api('GET', `/api/v1/exports/${file}`, undefined, headers)

/** Parses a CSV file to objects. Fails when a line has another number of cells than the header. */
function parseCsv(text: string): Record<string, string>[] {
  assert.ok(text.endsWith('\r\n'), 'CRLF after the last line')
  const lines = [...text.matchAll(/((?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,(?:"(?:[^"]|"")*"|[^",\r\n]*))*)\r\n/g)].map(
    ([, line = '']) =>
      [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
        ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
      ),
  )
  const [head = [], ...rows] = lines
  return rows.map((cells) => {
    assert.equal(cells.length, head.length, cells.join(' | '))
    return Object.fromEntries(head.map((name, i) => [name, cells[i] ?? '']))
  })
}

async function both(kind: string, query = ''): Promise<{ csv: Record<string, string>[]; json: any[] }> {
  const csv = await ask(`${kind}.csv${query}`)
  assert.equal(csv.status, 200, JSON.stringify(csv.body))
  assert.match(csv.headers.get('content-type') ?? '', /^text\/csv; charset=utf-8/)
  const json = await ask(`${kind}.json${query}`)
  assert.equal(json.status, 200, JSON.stringify(json.body))
  return { csv: parseCsv(csv.body), json: json.body }
}

void test('an empty export is a header line or an empty array', async () => {
  for (const kind of KINDS) assert.deepEqual(await both(kind), { csv: [], json: [] })
})

void test('payments, receipts and ledger: CSV and JSON agree, in UTC and decimal strings', async () => {
  const payment = await paid(world, {
    reference: 'order-1',
    customer: { name: 'Ann, "the" buyer' },
    metadata: { shelf: '7' },
  })
  await world.advance(10_000)
  await leap(world, 1000)
  const payments = await both('payments')
  const [row] = payments.json
  assert.deepEqual(
    [row.id, row.status, row.amount, row.currency, row.amount_received],
    [payment.id, 'paid', '1500.00', 'KES', '1500.00'],
  )
  assert.deepEqual(
    [row.reference, row.customer_name, row.metadata, row.livemode],
    ['order-1', 'Ann, "the" buyer', { shelf: '7' }, false],
  )
  assert.equal(row.created_at, payment.created_at)
  assert.equal(payments.csv[0]?.['metadata'], '{"shelf":"7"}')
  const receipts = await both('receipts')
  const [receipt] = receipts.json
  assert.deepEqual(
    [receipt.payment, receipt.method, receipt.amount, receipt.currency, receipt.counted],
    [payment.id, 'mpesa', '1500.00', 'KES', '1500.00'],
  )
  assert.match(receipt.receipt_number, /^[A-Z0-9]{10}$/)
  const ledger = await both('ledger')
  assert.deepEqual(
    ledger.json.map(({ account, direction, amount, currency, kind, about }) => [
      account,
      direction,
      amount,
      currency,
      kind,
      about,
    ]),
    [['available', 'in', '1500.00', 'KES', 'payments.receipt', receipt.id]],
  )
  for (const { csv, json } of [payments, receipts, ledger]) {
    const plain = (cell: string | number | boolean | object | null): string =>
      cell === null ? '' : typeof cell === 'object' ? JSON.stringify(cell) : String(cell)
    assert.deepEqual(
      csv,
      json.map((each) => Object.fromEntries(Object.entries(each as object).map(([name, cell]) => [name, plain(cell)]))),
    )
    assert.match(
      String(Object.values(csv[0] ?? {}).find((cell) => cell.includes('T'))),
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    )
  }
})

void test('refunds, with their store', async () => {
  await leap(world, 60_000)
  const from = world.clock.now().toISOString()
  const { body: store } = await world.api('POST', '/api/v1/stores', { name: 'Mombasa' })
  const { id } = await create(world, { methods: ['card'], reference: 'order-2', store: store.id })
  const { body } = await world.api('POST', `/api/v1/payments/${id}/attempts`, { method: 'card' })
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/34', cvc: '123' })
  assert.equal((await fetch(body.redirect_url, { method: 'POST', body: card })).status, 200)
  await world.advance(3000)
  const refund = await world.api('POST', `/api/v1/payments/${id}/refunds`, { amount: '500.00', reason: '=One mug' })
  assert.equal(refund.status, 201, JSON.stringify(refund.body))
  await world.advance(5000)
  const { csv, json } = await both('refunds', `?from=${from}`)
  const [row] = json
  assert.deepEqual(
    [json.length, row.id, row.payment, row.status, row.amount, row.currency, row.reference, row.reason],
    [1, refund.body.id, id, 'succeeded', '500.00', 'KES', 'order-2', '=One mug'],
  )
  assert.equal(csv[0]?.['reason'], "'=One mug")
  const [receipt] = (await both('receipts', `?from=${from}`)).json
  assert.deepEqual([receipt.refunded, receipt.taken_back], ['500.00', '0.00'])
  const [payment] = (await both('payments', `?from=${from}`)).json
  assert.deepEqual(
    [payment.store, receipt.store, row.store, payment.payment_link],
    [store.id, store.id, store.id, null],
  )
})

void test('cells cannot be formulas', async () => {
  const begin = world.clock.now().toISOString()
  const texts = ['=1+1', '+254', '-2', '@SUM(A1)', '\tx', '\r=1', 'plain', '"=1"', '=1,"2"\n3']
  for (const description of texts) await create(world, { description })
  await leap(world, 1000)
  const { csv, json } = await both('payments', `?from=${begin}`)
  assert.deepEqual(
    json.map(({ description }) => description),
    texts,
  )
  assert.deepEqual(
    csv.map(({ description }) => description),
    ["'=1+1", "'+254", "'-2", "'@SUM(A1)", "'\tx", "'\r=1", 'plain', '"=1"', `'=1,"2"\n3`],
  )
})

void test('a range includes its start, excludes its end, and is limited', async () => {
  await leap(world, 60_000)
  const from = world.clock.now().toISOString()
  const first = await create(world)
  await leap(world, 60_000)
  const to = world.clock.now().toISOString()
  await create(world)
  const { json } = await both('payments', `?from=${from}&to=${to}`)
  assert.deepEqual(
    json.map(({ id }) => id),
    [first.id],
  )
  const refused = async (query: string, param: string, says: RegExp): Promise<void> =>
    assertRefused(await ask(`ledger.csv${query}`), { status: 422, code: 'validation-failed', param, says }, query)
  await refused(`?from=${to}&to=${from}`, 'from', /before to/)
  await refused('?from=2024-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'from', /366 days/)
  await refused('?from=2024-01-01', 'from', /time such as/)
  await refused('?limit=10', 'limit', /not a known field/)
  assert.deepEqual((await both('payments', '?to=0001-01-01T00:00:00Z')).json, [])
})

void test('an export covers one merchant and requires its scope', async () => {
  const actor = { type: 'system', id: 'test' } as const
  const { identity, db } = world.app
  const keyOf = async (merchantId: string, scopes?: readonly ['payments:read']): Promise<Record<string, string>> => {
    const made = await db.transaction((tx) =>
      identity.createKey(tx, { merchantId, name: 'x', ...(scopes && { scopes }) }, actor),
    )
    return { authorization: `Bearer ${made.secret}` }
  }
  const other = await db.transaction((tx) => identity.createMerchant(tx, { name: 'Another' }, actor))
  for (const kind of KINDS) assert.deepEqual((await ask(`${kind}.json`, await keyOf(other.id))).body, [])
  const narrow = await keyOf(world.merchantId, ['payments:read'])
  assert.equal((await ask('receipts.csv', narrow)).status, 200)
  assertRefused(await ask('ledger.csv', narrow), { status: 403, code: 'forbidden', says: /balance:read/ })
  assert.equal((await ask('payments.csv', { authorization: '' })).status, 401)
  assert.equal((await ask('secrets.csv')).status, 404)
})

/** Inserts enough rows to exceed all buffers between server and reader. */
async function fill(rows: number): Promise<void> {
  await world.database.owner
    .run(sql`insert into payments.intents (id, merchant_id, owner, account, livemode, asset, amount, methods, description,
      metadata, terms, expires_at, created_at, updated_at)
    select overlay(id placing lpad(n::text, 10, '0') from 21), merchant_id, owner, account, livemode, asset, amount, methods, repeat('x', 200),
      metadata, terms, expires_at, created_at, updated_at
    from generate_series(1, ${rows}) n, (select * from payments.intents order by id desc limit 1) one`)
}

void test('many pages arrive completely and once', async () => {
  await leap(world, 1000)
  const from = world.clock.now().toISOString()
  await create(world)
  await fill(2500)
  await leap(world, 1000)
  const { json, csv } = await both('payments', `?from=${from}`)
  assert.equal(json.length, 2501)
  const ids: string[] = json.map(({ id }) => id)
  assert.equal(new Set(ids).size, 2501)
  assert.deepEqual(
    csv.map(({ id }) => id),
    ids,
  )
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => (a < b ? -1 : 1)),
    'oldest first',
  )
})

void test('one export at a time: a stalled reader keeps the slot but no connection, and disconnecting releases it', async () => {
  await create(world)
  await fill(60_000)
  await leap(world, 1000)
  let pages = 0
  const count = (): void => void pages++
  world.app.db.pool.on('acquire', count)
  const { hostname, port } = new URL(world.url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET /api/v1/exports/payments.csv HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${world.key}\r\n\r\n`)
  const [head] = (await new Promise<Buffer[]>((resolve) =>
    socket.once('data', (chunk: Buffer) => resolve([chunk])),
  )) as [Buffer]
  assert.match(head.toString(), /^HTTP\/1.1 200/)
  socket.pause()
  assertRefused(await ask('ledger.json'), { status: 429, code: 'gateway.export-running', says: /wait until/ })
  // Once the export stalls it has read only a part, and it holds no connection.
  let polls = 0
  let before = 0
  await waitFor('the export to stall', () => {
    polls = before === pages ? polls + 1 : 0
    before = pages
    return polls === 20
  })
  assert.ok(pages > 1 && pages < 40, `${pages} of 61 pages were read`)
  assert.equal(world.app.db.pool.idleCount, world.app.db.pool.totalCount)
  world.app.db.pool.off('acquire', count)
  socket.destroy()
  await waitFor('the slot to be released', async () => (await ask('ledger.json')).status === 200)
})

void test('exports distinguish top-ups from sales', async () => {
  await using own = await openWorld()
  const customer = { id: 'cus-1' }
  await paid(own, { amount: '100.00', top_up: true, customer })
  const sale = await create(own, { amount: '60.00', methods: ['balance'], customer })
  await own.api('POST', `${PAYMENTS}/${sale.id}/attempts`, { method: 'balance' })
  await own.api('POST', `${PAYMENTS}/${sale.id}/refunds`, { amount: '10.00' })
  // Exports exclude the last ten seconds.
  await own.jump(60_000)
  const rows = async (kind: string) => (await own.api('GET', `/api/v1/exports/${kind}.json`)).body
  const exported = (await rows('payments')).map((row: any) => [row.amount, row.customer_id, row.top_up])
  assert.deepEqual(exported, [
    ['100.00', 'cus-1', true],
    ['60.00', 'cus-1', false],
  ])
  assert.deepEqual(
    (await rows('receipts')).map((row: any) => [row.method, row.top_up]),
    [
      ['mpesa', true],
      ['balance', false],
    ],
  )
  assert.deepEqual(
    (await rows('refunds')).map((row: any) => [row.method, row.top_up]),
    [['balance', false]],
  )
})
