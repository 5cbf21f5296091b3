import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openWorld } from '../world.ts'
import { ask, assertBooksHold, assertRefused, create, find, PAYMENTS } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

void test('a created payment is returned as documented', async () => {
  const answer = await ask(world, {
    description: 'Two mugs',
    reference: 'order-1042',
    methods: ['mpesa', 'card'],
    customer: { id: 'cus-7', name: 'Asha', email: 'asha@example.com', phone: '+254712345678' },
    return_url: `${world.url}/thanks?order=1042`,
    expires_in: 900,
    metadata: { order: '1042' },
  })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  const { id, ...rest } = answer.body
  assert.match(id, /^pay_[0-9a-z]+$/)
  const now = world.clock.now()
  assert.deepEqual(rest, {
    object: 'payment',
    version: 1,
    livemode: false,
    status: 'open',
    amount: '1500.00',
    currency: 'KES',
    amount_received: '0.00',
    amount_due: '1500.00',
    amount_refunded: '0.00',
    uncounted: [],
    flags: { partial: false, overpaid: false, late: false },
    checkout_url: `${world.url}/pay/${id}`,
    methods: ['mpesa', 'card'],
    description: 'Two mugs',
    reference: 'order-1042',
    store: null,
    payment_link: null,
    customer: { id: 'cus-7', name: 'Asha', email: 'asha@example.com', phone: '254712345678' },
    top_up: false,
    return_url: `${world.url}/thanks?order=1042`,
    metadata: { order: '1042' },
    expires_at: new Date(now.getTime() + 900_000).toISOString(),
    created_at: now.toISOString(),
    attempts: [],
  })
  assert.equal(answer.headers.get('location'), `${PAYMENTS}/${id}`)
  assert.equal(answer.headers.get('idempotent-replayed'), null)
  assert.deepEqual(await find(world, id), answer.body)
})

void test('amount and currency are enough', async () => {
  const payment = await create(world, { amount: '1500' })
  assert.equal(payment.amount, '1500.00', 'with all decimals of the currency')
  assert.deepEqual(
    [payment.description, payment.reference, payment.customer, payment.return_url, payment.metadata],
    [null, null, null, null, {}],
  )
  assert.deepEqual(payment.methods, ['mpesa', 'airtel', 'card', 'bitcoin', 'transfer'], 'every method that can take it')
  const hourLater = new Date(world.clock.now().getTime() + 3_600_000)
  assert.equal(payment.expires_at, hourLater.toISOString())
})

void test('the methods are those that accept the amount and currency', async () => {
  assert.deepEqual(
    (await create(world, { amount: '5' })).methods,
    ['mpesa', 'airtel', 'transfer'],
    'too little for a card',
  )
  assert.deepEqual(
    (await create(world, { amount: '1500.50' })).methods,
    ['card', 'bitcoin', 'transfer'],
    'M-Pesa takes whole shillings',
  )
  const yen = await create(world, { amount: '5000', currency: 'JPY' })
  assert.deepEqual([yen.amount, yen.methods], ['5000', ['card', 'bitcoin']])
})

void test('extra zero decimals are accepted, and currencies of all scales work', async () => {
  for (const [amount, currency, shown] of [
    ['500.00', 'JPY', '500'],
    ['5000.00', 'UGX', '5000'],
    ['10.000', 'KWD', '10.000'],
    ['100.00', 'TWD', '100.00'],
    ['100', 'ILS', '100.00'],
    ['100.00', 'PHP', '100.00'],
    ['5000.00', 'MGA', '5000.00'],
    ['1000', 'ISK', '1000'],
    ['250000000', 'IDR', '250000000.00'],
  ] as const) {
    const made = await create(world, { amount, currency, methods: ['card'] })
    assert.deepEqual([made.amount, made.currency], [shown, currency])
  }
  for (const [amount, currency, says] of [
    ['10.005', 'KWD', /multiple of KWD 0\.010/],
    ['5000.50', 'MGA', /multiple of MGA 1\.00/],
    ['10.0005', 'KWD', /more than 3 decimals/],
  ] as const)
    assertRefused(await world.api('POST', PAYMENTS, { amount, currency, methods: ['card'] }), {
      status: 422,
      code: 'validation-failed',
      param: 'amount',
      says,
    })
})

void test('the customer’s phone is stored in one format', async () => {
  for (const phone of [
    '0712345678',
    '0722 000 111',
    '2540712345678',
    '\u202A+254712345678\u202C',
    '712345678',
    'tel:0712-345-678',
  ])
    assert.match((await create(world, { customer: { phone } })).customer.phone, /^254(?:712345678|722000111)$/, phone)
  assert.equal((await create(world, { customer: { phone: '+44 (0)7911 123456' } })).customer.phone, '447911123456')
  const dollars = { amount: '10.00', currency: 'USD', customer: { phone: '+254 712 345 678' } }
  assert.equal((await create(world, dollars)).customer.phone, '254712345678')
})

void test('text is returned unchanged', async () => {
  const text = 'Çay & <b>"kahve"</b> \u{1f375}\n’ \\ $1 %s'
  const sent = { description: text, reference: text.slice(0, 30), metadata: { [text.slice(0, 20)]: text, null: '' } }
  const { id } = await create(world, { ...sent, customer: { name: text } })
  const { description, reference, metadata, customer } = await find(world, id)
  assert.deepEqual({ description, reference, metadata }, sent)
  assert.equal(customer.name, text)
})

void test('the checkout page of a payment opens', async () => {
  const { checkout_url: url } = await create(world, { description: 'Two mugs' })
  const page = await fetch(url)
  assert.equal(page.status, 200)
  assert.match(await page.text(), /Two mugs/)
})

void test('creating moves no money', async () => {
  await create(world)
  await assertBooksHold(world)
  const { body } = await world.api('GET', '/api/v1/balance')
  assert.deepEqual(body, { object: 'balance', livemode: false, balances: [] })
})
