import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openWorld } from '../world.ts'
import { assertRefused, create, find, leap, paid, PAYMENTS, start } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const list = async (query = ''): Promise<any> => {
  const answer = await world.api('GET', `${PAYMENTS}${query}`)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}
const idsOf = ({ data }: { data: { id: string }[] }): string[] => data.map(({ id }) => id)

void test('without payments the list is an empty page', async () => {
  assert.deepEqual(await list(), { object: 'list', data: [], next_cursor: null })
})

void test('a listed payment equals the single one, with its attempts', async () => {
  const { id } = await create(world, { reference: 'tried' })
  await start(world, id, '254700000002')
  await world.advance(3000)
  await start(world, id, '254700000001')
  await world.advance(3000)
  const { data } = await list('?reference=tried')
  assert.deepEqual(data, [await find(world, id)])
  const attempts = data[0].attempts.map(({ status, reason }: any) => [status, reason])
  assert.deepEqual(attempts, [
    ['failed', 'insufficient-funds'],
    ['settled', null],
  ])
})

void test('pages are newest first, have no gaps or overlaps, and stay stable while payments are created', async () => {
  const made: string[] = []
  for (let n = 0; n < 7; n++) made.push((await create(world, { reference: 'paged' })).id)
  const newest = made.toReversed()
  const first = await list('?reference=paged&limit=3')
  assert.deepEqual(idsOf(first), newest.slice(0, 3))
  await create(world, { reference: 'paged' })
  const second = await list(`?reference=paged&limit=3&cursor=${first.next_cursor}`)
  assert.deepEqual(idsOf(second), newest.slice(3, 6))
  const third = await list(`?reference=paged&limit=3&cursor=${second.next_cursor}`)
  assert.deepEqual([idsOf(third), third.next_cursor], [newest.slice(6), null])
  const exact = await list('?reference=paged&limit=8')
  assert.deepEqual([exact.data.length, exact.next_cursor], [8, null])
})

void test('a page has 20 payments by default and at most 100', async () => {
  await Promise.all(Array.from({ length: 110 }, () => create(world, { reference: 'many' })))
  assert.equal((await list('?reference=many')).data.length, 20)
  const page = await list('?reference=many&limit=100')
  assert.equal(page.data.length, 100)
  const rest = await list(`?reference=many&limit=100&cursor=${page.next_cursor}`)
  assert.deepEqual([rest.data.length, rest.next_cursor], [10, null])
  assert.equal(new Set([...idsOf(page), ...idsOf(rest)]).size, 110)
})

void test('filters by status, reference and time combine', async () => {
  await leap(world, 60_000)
  const begin = world.clock.now().toISOString()
  const one = await paid(world, { reference: 'filtered' })
  await leap(world, 60_000)
  const middle = world.clock.now().toISOString()
  const open = await create(world, { reference: 'filtered' })
  const canceled = await create(world, { reference: 'filtered' })
  await world.api('POST', `${PAYMENTS}/${canceled.id}/cancel`)
  assert.deepEqual(idsOf(await list('?reference=filtered')), [canceled.id, open.id, one.id])
  assert.deepEqual(idsOf(await list('?reference=filtered&status=paid')), [one.id])
  assert.deepEqual(idsOf(await list('?reference=filtered&status=open')), [open.id])
  assert.deepEqual(idsOf(await list('?reference=filtered&status=canceled')), [canceled.id])
  assert.deepEqual(idsOf(await list('?reference=filtered&status=reversed')), [])
  assert.deepEqual(idsOf(await list(`?reference=filtered&created_from=${middle}`)), [canceled.id, open.id], 'included')
  assert.deepEqual(idsOf(await list(`?reference=filtered&created_to=${middle}`)), [one.id], 'not included')
  assert.deepEqual(idsOf(await list(`?created_from=${begin}&created_to=${middle}`)), [one.id])
  const nairobi = encodeURIComponent(middle.replace('Z', '+00:00'))
  assert.deepEqual(idsOf(await list(`?reference=filtered&created_to=${nairobi}`)), [one.id], 'an offset')
  assert.deepEqual(idsOf(await list('?reference=filtere')), [], 'only an exact reference matches')
})

void test('invalid queries are refused with the field', async () => {
  const cases: readonly [query: string, param: string, says: RegExp][] = [
    ['limit=0', 'limit', /limit/],
    ['limit=101', 'limit', /100/],
    ['limit=1.5', 'limit', /limit/],
    ['limit=ten', 'limit', /number/],
    ['status=done', 'status', /open.*paid/],
    ['status=paid&status=open', 'status', /status/],
    ['created_from=yesterday', 'created_from', /time such as 2026/],
    ['created_to=2026-02-30T00:00:00Z', 'created_to', /time such as 2026/],
    ['created_from=2026-01-15', 'created_from', /time such as 2026/],
    ['cursor=', 'cursor', /next_cursor/],
    ['cursor=bm9uZQ', 'cursor', /next_cursor/],
    [`cursor=${'x'.repeat(201)}`, 'cursor', /cursor/],
    ['reference=%00', 'reference', /null characters/],
    [`reference=${'x'.repeat(101)}`, 'reference', /100 characters/],
    ['order=asc', 'order', /not a known field/],
  ]
  for (const [query, param, says] of cases) {
    const code = /cursor=(bm|$)/.test(query) ? 'payments.bad-cursor' : 'validation-failed'
    assertRefused(await world.api('GET', `${PAYMENTS}?${query}`), { status: 422, code, param, says }, query)
  }
})

void test('extreme but valid times work', async () => {
  for (const at of ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'])
    assert.ok(Array.isArray((await list(`?created_to=${at}`)).data), at)
})
