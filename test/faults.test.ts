import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatAmount, money } from '#money'
import { assertBooksHold, create, find, leap, ledgerBalance, PAYMENTS } from './api/shop.ts'
import { receiptsOf } from './outcome.ts'
import { PAYERS, visit, type Payer } from './payers.ts'
import { openWorld, type World } from './world.ts'

/**
 * Tests every rail with every fault of its provider, through the whole program. Whatever fails, the payment ends paid, its money is counted
 * once and no work remains. When an attempt fails or is abandoned, the payer tries again.
 */

/** Faults at the start of the attempt, and later when it is polled or reported. */
const STARTING = [
  'down',
  'slow',
  '429',
  '500',
  '500-after-acting',
  'cut',
  'invalid-json',
  'wrong-types',
  'huge',
] as const
const LATER = [...STARTING, 'duplicate', 'lost-callback', 'reorder'] as const
const CASES = [
  ...STARTING.map((kind) => ({ kind, when: 'start' as const })),
  ...LATER.map((kind) => ({ kind, when: 'later' as const })),
]

const AMOUNT = 150_000n
const STEP_MS = 5000
/** Half an hour of the set clock, because the longest poll interval is ten minutes. */
const STEPS = 360
const LIVE = ['created', 'submitting', 'pending', 'unknown']

for (const [provider, trial] of Object.entries<Payer>(PAYERS)) {
  void describe(`${trial.method}, with faults of ${provider}`, () => {
    void test('ends paid and counted once', async (t) => {
      await using world = await openWorld()
      let paid = 0n
      for (const { kind, when } of CASES) {
        await t.test(`${kind}, ${when}`, async () => {
          const id = await payThrough(world, provider, trial, { kind, when })
          paid += AMOUNT
          const payment = await find(world, id)
          const amount = formatAmount(money(`${trial.currency}/2`, AMOUNT))
          assert.deepEqual([payment.status, payment.amount_received, payment.flags.overpaid], ['paid', amount, false])
          assert.equal((await receiptsOf(world, id)).count, 1)
          assert.equal(await ledgerBalance(world, trial.currency), formatAmount(money(`${trial.currency}/2`, paid)))
          await assertBooksHold(world)
          const { body } = await world.api('GET', `/sandbox/${provider}/faults`)
          assert.deepEqual(body.faults, [], 'every planned fault occurred')
        })
      }
      // Pending callbacks and retries change nothing.
      for (let i = 0; i < 40; i++) await leap(world, 60_000)
      assert.equal(await ledgerBalance(world, trial.currency), formatAmount(money(`${trial.currency}/2`, paid)))
      await assertBooksHold(world)
    })
  })
}

async function plan(world: World, provider: string, kind: string): Promise<void> {
  const body = { kind, count: 1, ...(kind === 'slow' ? { delay_ms: 300 } : {}) }
  const { status } = await world.api('POST', `/sandbox/${provider}/faults`, body)
  assert.equal(status, 200)
}

interface Case {
  readonly kind: string
  readonly when: 'start' | 'later'
}

async function payThrough(world: World, provider: string, trial: Payer, { kind, when }: Case): Promise<string> {
  const { id } = await create(world, {
    amount: formatAmount(money(`${trial.currency}/2`, AMOUNT)),
    currency: trial.currency,
    methods: [trial.method],
    expires_in: 24 * 3600,
  })
  if (when === 'start') await plan(world, provider, kind)
  let visited = ''
  for (let step = 0; step < STEPS; step++) {
    const payment = await find(world, id)
    if (payment.status === 'paid') return id
    const last = payment.attempts.at(-1)
    if (!last || !LIVE.includes(last.status)) {
      await startUntilAccepted(world, id, trial)
      if (step === 0 && when === 'later') await plan(world, provider, kind)
    } else if (last.redirect_url && visited !== last.id) {
      visited = last.id
      await visit(last.redirect_url, trial.form ?? {})
    }
    await leap(world, STEP_MS)
  }
  throw new Error(`${id} was never paid: ${JSON.stringify(await find(world, id))}`)
}

/** Starts an attempt, and starts another when it fails at once. An attempt wrongly marked as failed would then be paid twice. */
async function startUntilAccepted(world: World, id: string, { method, phone }: Payer): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    const asked = { method, ...(phone ? { phone } : {}) }
    const { status, body } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, asked)
    assert.ok(status === 201, JSON.stringify(body))
    if (LIVE.includes(body.status) || body.status === 'settled') return
  }
}

void test('the controls list every provider and kind of fault, refuse others, and require the sandbox password', async () => {
  await using world = await openWorld()
  const { body } = await world.api('GET', '/sandbox/controls')
  const [path = ''] = Object.keys(body).filter((control) => control.includes('/faults') && control.startsWith('POST'))
  for (const provider of [
    'mpesa',
    'daraja',
    'airtel',
    'stripe',
    'crossmint',
    'bitcoin',
    'coingecko',
    'coinbase',
    'kraken',
  ])
    assert.ok(path.includes(provider), provider)
  for (const kind of [...LATER, 'lying', 'stale', 'ahead']) assert.ok(body[path].includes(kind), kind)
  const refused = await world.api('POST', '/sandbox/stripe/faults', { kind: 'lying' })
  assert.equal(refused.status, 422)
  assert.match(refused.body.error.message, /must be one of .*down, slow/)
  assert.equal((await world.api('POST', '/sandbox/kraken/faults', { kind: 'duplicate' })).status, 422)

  await using guarded = await openWorld({ env: { PUBLIC_URL: 'https://pay.example.com' } })
  const url = `${guarded.app.http.listeningOrigin}/sandbox/stripe/faults`
  const headers = { 'content-type': 'application/json' }
  for (const init of [{}, { method: 'POST', headers, body: '{"kind":"down"}' }])
    assert.equal((await fetch(url, init)).status, 401)
})
