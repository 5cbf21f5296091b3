import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMs } from '#platform/clock'
import { checkoutDocument } from './document.ts'
import { panel } from './panel.ts'
import { SAMPLE_NAMES, SAMPLES, sampleIntent, sampleView, statesOf, type SampleName } from './fixture.ts'
import { isSettled, stateOf } from './state.ts'
import { LANGUAGES } from '../../strings/strings.ts'

const assets = { script: '/pay/assets/checkout.js', style: '/pay/assets/checkout.css' }
const render = (name: SampleName): string => panel(sampleView(name, 'en')).text
const documentOf = (name: SampleName): string =>
  checkoutDocument(sampleView(name, 'en'), { assets, practiceUrl: '/sandbox' })

test('every payment is in the state that the ledger says', () => {
  for (const name of SAMPLE_NAMES) {
    const [said, is] = statesOf(name)
    assert.equal(is, said, name)
  }
})

test('in every state and language all is said, and nothing is left to fill in', () => {
  for (const name of SAMPLE_NAMES) {
    for (const language of LANGUAGES) {
      const { text } = panel(sampleView(name, language))
      assert.ok(!/undefined|\[object|NaN|[{}]/.test(text), `${name} ${language}: ${text}`)
      assert.match(text, /data-title>[^<]*\p{L}/u, `${name} ${language}`)
      assert.match(text, /data-focus/, `${name} ${language}`)
    }
  }
})

test('what a merchant writes is text, never HTML', () => {
  const evil = '<script>alert(1)</script>"\'&'
  const view = sampleView('waiting', 'en')
  const intent = { ...view.intent, terms: { merchantName: evil }, description: evil, reference: evil }
  for (const status of ['open', 'paid', 'expired', 'canceled', 'failed', 'reversed'] as const) {
    const shown = { ...view, intent: { ...intent, status, attempts: [] }, typedPhone: evil }
    const text = checkoutDocument(shown, { assets, practiceUrl: undefined })
    assert.ok(!text.includes('<script>alert'), status)
    assert.ok(text.includes('&#60;script&#62;'), status)
  }
})

test('a way to pay is offered only while one can be begun', () => {
  const offers = (name: SampleName): boolean => /<form/.test(render(name))
  assert.deepEqual(
    SAMPLE_NAMES.filter((name) => offers(name)),
    SAMPLE_NAMES.filter((name) => {
      const { state } = SAMPLES[name]
      return (
        (['choose', 'address', 'repricing', 'transfer'].includes(state) && name !== 'choose-none') ||
        ['sending', 'waiting', 'waiting-airtel'].includes(name)
      )
    }),
  )
})

test('while it is not known whether a prompt was paid, no other way is offered: it could be paid twice', () => {
  assert.ok(!/<form|button/.test(render('unknown')))
  assert.match(render('unknown'), /please do not pay twice/)
})

test('a page without script reloads itself only where nothing can be typed', () => {
  for (const name of SAMPLE_NAMES) {
    const reloads = documentOf(name).includes('http-equiv="refresh"')
    assert.ok(!(reloads && render(name).includes('<input id="phone"')), name)
    assert.equal(reloads, ['waiting', 'confirming'].includes(SAMPLES[name].state), name)
  }
})

test('a payment whose time is up is over at once, though the ledger says so only seconds later', () => {
  const intent = sampleIntent({ status: 'open' })
  assert.equal(stateOf(intent, addMs(intent.expiresAt, -1)), 'choose')
  assert.equal(stateOf(intent, intent.expiresAt), 'expired')
})

test('paid without a receipt number, the page waits for it; otherwise it is done', () => {
  const { intent } = sampleView('paid', 'en')
  assert.equal(isSettled(intent), true)
  const [receipt] = intent.receipts
  assert.ok(receipt)
  assert.equal(isSettled({ ...intent, receipts: [{ ...receipt, number: undefined }] }), false)
  assert.equal(isSettled(sampleView('paid-twice', 'en').intent), true)
  assert.equal(isSettled(sampleView('paid-prompted', 'en').intent), false)
  assert.equal(isSettled(sampleView('waiting', 'en').intent), false)
})

test('whoever has a page of a provider still open is told not to pay there once nothing is due', () => {
  for (const name of ['paid-page-open', 'canceled-page-open'] as const)
    assert.match(render(name), /A page of Crossmint is still open: do not pay there/, name)
  for (const name of ['paid', 'paid-twice', 'canceled'] as const) assert.ok(!render(name).includes('still open'), name)
})

test('a number on a screen is masked, and is read out by its end', () => {
  const text = render('waiting')
  assert.match(text, /aria-hidden="true">07••\u00A0•••\u00A0678</)
  assert.match(text, /the number ending in 6 7 8/)
  assert.ok(!text.includes('2547'))
})

test('live money is never called practice, and practice never looks live', () => {
  assert.ok(!documentOf('choose').includes('class="practice"'))
  assert.match(documentOf('choose-practice'), /class="practice"/)
})

test('of several phones one number is typed, and each has its button; every provider is called by its name', () => {
  const many = render('choose-many')
  assert.equal(many.match(/<input/g)?.length, 3, 'one number, and the methods of two pages')
  assert.match(many, /name="method" value="mpesa"[\s\S]*by M-\u2060Pesa/)
  assert.match(many, /name="method" value="airtel"[\s\S]*by Airtel Money/)
  assert.match(many, /Opens the secure page of Crossmint\./)
  assert.match(render('page-begun'), /Your payment by Crossmint is not finished[\s\S]*Continue to Crossmint/)
  const waiting = render('waiting-airtel')
  assert.match(waiting, /Airtel Money PIN/)
  assert.ok(!waiting.includes('Pesa PIN'))
})
