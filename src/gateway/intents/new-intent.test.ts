import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Shop } from '#identity'
import { assetOf, type Asset } from '#money'
import type { PaymentMethod } from '#payments'
import { createSetClock } from '#platform/base/clock'
import { AppError } from '#platform/base/errors'
import { createPayment } from '../resources/payment.ts'
import { parseNewIntent } from './new-intent.ts'

const clock = createSetClock()
const merchant: Shop = {
  merchantId: 'mer_1',
  storeId: undefined,
  name: 'Duka',
  livemode: false,
  locale: 'en',
  brand: { colour: null, logo: null },
  toleranceBps: 0,
  returnOrigins: ['https://duka.example'],
  methods: [],
  archived: false,
}
const mpesa: PaymentMethod = {
  method: 'mpesa',
  rail: 'mpesa',
  kind: 'push',
  needs: ['phone'],
  limits: { min: 100n, max: 15_000_000n, step: 100n },
  closes: false,
  unavailable: undefined,
}
const card: PaymentMethod = {
  ...mpesa,
  method: 'card',
  rail: 'stripe',
  kind: 'page',
  needs: [],
  limits: { min: 5000n, max: 99_999_999n, step: 1n },
}
const methods = (asset: Asset): PaymentMethod[] => (asset === 'KES/2' ? [mpesa, card] : asset === 'USD/2' ? [card] : [])

function ask(body: Record<string, unknown>, offered = methods): ReturnType<typeof parseNewIntent> {
  return parseNewIntent(createPayment.parse({ amount: '1500.00', currency: 'KES', ...body }), merchant, {
    clock,
    payments: { methods: offered },
    publicUrl: () => 'http://127.0.0.1:3000',
  })
}

const refused = (body: Record<string, unknown>, param: string, says: RegExp, offered = methods): void =>
  assert.throws(
    () => ask(body, offered),
    (error) => error instanceof AppError && error.status === 422 && error.param === param && says.test(error.message),
    JSON.stringify(body),
  )

void test('an intent matches the request and offers every method that accepts it', () => {
  const intent = ask({ reference: 'order-1', return_url: 'https://duka.example/thanks?o=1', expires_in: 60 })
  assert.deepEqual(intent.amount, { asset: assetOf('KES'), amount: 150_000n })
  assert.deepEqual(intent.methods, ['mpesa', 'card'])
  assert.equal(ask({ return_url: 'http://127.0.0.1:3000/' }).returnUrl, 'http://127.0.0.1:3000/', 'a page of the desk')
  assert.equal(intent.expiresAt.getTime() - clock.now().getTime(), 60_000)
  assert.deepEqual(ask({ amount: '49' }).methods, ['mpesa'], 'below the minimum of cards')
  assert.deepEqual(ask({ amount: '1500.50' }).methods, ['card'], 'M-Pesa takes whole shillings')
})

void test('invalid amounts are refused with the field and the remedy', () => {
  for (const amount of [
    '-5',
    '0',
    '0.00',
    '1e3',
    ' 5',
    '1,500.00',
    'NaN',
    '',
    '1.005',
    '99999999999999999999',
    '1000000001',
  ]) {
    refused({ amount }, 'amount', /amount (must|is|has)/)
  }
})

void test('currencies and methods must fit each other', () => {
  refused({ currency: 'KEX' }, 'currency', /not known/)
  refused({ currency: 'JPY', amount: '100' }, 'currency', /not accepted by any/)
  refused({ currency: 'USD', methods: ['mpesa'] }, 'methods', /"mpesa" is unknown, or does not accept USD/)
  refused({ methods: ['barter'] }, 'methods', /"barter"/)
  refused({ amount: '1500.50', methods: ['mpesa'] }, 'amount', /multiple of KES 1.00/)
  refused({ amount: '200000', methods: ['mpesa'] }, 'amount', /above the maximum/)
  const off = (): PaymentMethod[] => [{ ...mpesa, unavailable: 'MPESA_PASSKEY is not set' }]
  for (const body of [{ methods: ['mpesa'] }, {}])
    assert.throws(() => ask(body, off), { code: 'payments.method-unavailable', status: 503, retryAfterSeconds: 60 })
  const half = (): PaymentMethod[] => [{ ...mpesa, unavailable: 'MPESA_PASSKEY is not set' }, card]
  assert.deepEqual(ask({}, half).methods, ['card'], 'the method that is available')
  refused({ amount: '1' }, 'amount', /below the minimum/, half)
})

void test('a return URL must be on a registered origin', () => {
  refused({ return_url: 'https://evil.example/duka.example' }, 'return_url', /not on a registered origin/)
  refused({ return_url: 'https://duka.example.evil.example/' }, 'return_url', /register it with/)
})
