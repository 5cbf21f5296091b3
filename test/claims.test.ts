import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, find, ledgerBalance, PAYMENTS } from './api/shop.ts'
import { openWorld, type Answer, type World } from './world.ts'

/** Tests the refund page over HTTP. */

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** Creates a card payment of KES 1,500 with a refund by a refund link. */
async function link(world: World): Promise<{ id: string; payment: string; path: string; secret: string }> {
  const { id: payment } = await create(world, { methods: ['card'] })
  const { body: attempt } = await world.api('POST', `${PAYMENTS}/${payment}/attempts`, { method: 'card' })
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/34', cvc: '123' })
  await fetch(attempt.redirect_url, { method: 'POST', body: card })
  await world.advance(3000)
  const refund = await world.api('POST', `${PAYMENTS}/${payment}/refunds`, {
    method: 'claim',
    reason: '<b>Broken</b> mug',
  })
  assert.equal(refund.body.status, 'claimable', JSON.stringify(refund.body))
  const url = new URL(refund.body.claim_url)
  return { id: refund.body.id, payment, path: url.pathname + url.search, secret: url.searchParams.get('c') ?? '' }
}

const say = (
  world: World,
  { id, secret }: { id: string; secret: string },
  fields: Record<string, string>,
  headers = {},
): Promise<Answer> =>
  world.api('POST', `/refund/${id}`, new URLSearchParams({ c: secret, ...fields }).toString(), {
    ...FORM,
    'sec-fetch-site': 'same-origin',
    ...headers,
  })

void test('the payer enters a destination and confirms it; the operator pays, and the page shows it', async () => {
  await using world = await openWorld()
  const one = await link(world)
  const { status, body, headers } = await world.api('GET', one.path)
  assert.equal(status, 200)
  assert.match(body, /Sandbox Shop refunds you KES.1,500/)
  assert.match(body, /&#60;b&#62;Broken/)
  // With `no-referrer`, browsers that send no other origin header would send Origin `null` with the form.
  assert.deepEqual([headers.get('cache-control'), headers.get('referrer-policy')], ['no-store', 'same-origin'])
  assert.doesNotMatch(body, /<script/)
  const words = { place: 'hand', to: 'Equity 0123, Jane <Doe>' }
  const preview = await say(world, one, { ...words, step: 'preview' })
  assert.match(preview.body, /Is this right\?[^]*Equity 0123, Jane &#60;Doe&#62;[^]*Send KES.1,500/)
  assert.equal((await find(world, one.payment)).amount_refunded, '0.00')
  const done = await say(world, one, { ...words, step: 'confirm' })
  assert.deepEqual([done.status, done.headers.get('location')], [303, `${one.path}&lang=en`])
  assert.match((await world.api('GET', one.path)).body, /The money is on its way/)
  // A second confirmation changes nothing.
  await say(world, one, { place: 'hand', to: 'Thief', step: 'confirm' })
  const [waiting] = await world.app.payments.refunds.listWaiting(world.app.db)
  assert.equal(waiting?.destination, words.to)
  await world.app.payments.refunds.resolve({ id: one.id, sent: { number: 'FT1' }, why: '' })
  const swahili = await world.api('GET', `${one.path}&lang=sw`)
  assert.match(swahili.body, /Zimetumwa[^]*FT1/)
  assert.equal((await find(world, one.payment)).status, 'reversed')
  assert.equal(await ledgerBalance(world), '0.00')
  assert.deepEqual(await world.broken(), [])
})

void test('errors appear beside the field; a wrong link, a used link and another site are refused', async () => {
  await using world = await openWorld()
  const one = await link(world)
  const empty = await say(world, one, { place: 'hand', to: '  ', step: 'preview' })
  assert.equal(empty.status, 422)
  assert.match(empty.body, /aria-invalid[^]*Enter where to send the money/)
  const cross = await say(world, one, { place: 'hand', to: 'x', step: 'confirm' }, { 'sec-fetch-site': 'cross-site' })
  assert.equal(cross.status, 403)
  const broken = await say(world, one, { place: 'hand', to: 'x', step: 'nonsense' }, { accept: 'text/html' })
  assert.equal(broken.status, 422)
  assert.match(broken.body, /could not be read/)
  for (const secret of ['', 'wrong', `${one.secret}0`]) {
    const answer = await world.api('GET', `/refund/${one.id}?c=${secret}`, undefined, { accept: 'text/html' })
    assert.equal(answer.status, 404)
    assert.match(answer.body, /This refund does not exist/)
    assert.equal((await say(world, { ...one, secret }, { place: 'hand', to: 'x', step: 'confirm' })).status, 404)
  }
  assert.equal((await say(world, one, { place: 'nowhere', to: 'x', step: 'confirm' })).status, 303)
  assert.equal((await world.api('GET', `/api/v1/refunds/${one.id}`)).body.status, 'claimable')
  await world.api('POST', `/api/v1/refunds/${one.id}/cancel`)
  assert.match((await world.api('GET', one.path)).body, /no longer valid/)
  await say(world, one, { place: 'hand', to: 'x', step: 'confirm' })
  assert.equal((await world.api('GET', `/api/v1/refunds/${one.id}`)).body.status, 'canceled')
  assert.ok(!JSON.stringify(world.log.entries).includes(one.secret), 'no refund link is logged')
})
