import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMs } from '#platform/base/clock'
import { renderCheckout } from './document.ts'
import { renderPanel } from './panel.ts'
import { SAMPLE_NAMES, SAMPLES, sampleIntent, sampleView, statesOf, type SampleName } from './fixture.ts'
import { asksForMoney, isSettled, stateOf } from './state.ts'
import { LANGUAGES } from '../../strings/strings.ts'

const assets = { script: '/pay/assets/checkout.js', style: '/pay/assets/checkout.css' }
const render = (name: SampleName): string => renderPanel(sampleView(name, 'en')).text
/** Returns the visible panel, without the template for the end of the time. */
const withoutTemplate = (text: string): string => text.replace(/<template[\s\S]*<\/template/, '')
const documentOf = (name: SampleName): string =>
  renderCheckout(sampleView(name, 'en'), { assets, practiceUrl: '/sandbox' })

test('every payment shows the state of the ledger', () => {
  for (const name of SAMPLE_NAMES) {
    const [said, is] = statesOf(name)
    assert.equal(is, said, name)
  }
})

test('every state is complete in every language, without open placeholders', () => {
  for (const name of SAMPLE_NAMES) {
    for (const language of LANGUAGES) {
      const { text } = renderPanel(sampleView(name, language))
      assert.ok(!/undefined|\[object|NaN|[{}]/.test(text), `${name} ${language}: ${text}`)
      assert.match(text, /data-title>[^<]*\p{L}/u, `${name} ${language}`)
      assert.match(text, /data-focus/, `${name} ${language}`)
    }
  }
})

test('texts of a merchant are escaped', () => {
  const evil = '<script>alert(1)</script>"\'&'
  const view = sampleView('waiting', 'en')
  const intent = { ...view.intent, terms: { merchantName: evil }, description: evil, reference: evil }
  for (const status of ['open', 'paid', 'expired', 'canceled', 'failed', 'reversed'] as const) {
    const shown = { ...view, intent: { ...intent, status, attempts: [] }, typedPhone: evil }
    const text = renderCheckout(shown, { assets, practiceUrl: undefined })
    assert.ok(!text.includes('<script>alert'), status)
    assert.ok(text.includes('&#60;script&#62;'), status)
  }
})

test('methods are offered only while an attempt can start', () => {
  const offers = (name: SampleName): boolean => /<form/.test(render(name))
  assert.deepEqual(
    SAMPLE_NAMES.filter((name) => offers(name)),
    SAMPLE_NAMES.filter((name) => {
      const { state } = SAMPLES[name]
      return asksForMoney(state) && !['choose-none', 'card-opening', 'page-stays'].includes(name)
    }),
  )
})

test('a pending prompt hides other methods, and shows the prompted phone and the time left', () => {
  const prompts = SAMPLE_NAMES.filter((name) => SAMPLES[name].state === 'waiting')
  assert.ok(prompts.length > 6)
  for (const name of prompts) {
    const text = render(name)
    assert.ok(!/<form|<button|class="button/.test(text), name)
    assert.match(text, /07••[\s\S]*data-prompt-ms="\d+"[\s\S]*Then you can use another number/, name)
  }
  assert.match(render('waiting'), /data-prompt-ms="160000"[\s\S]*>2:40<\/b> more/)
  assert.match(render('waiting-over'), /<span hidden>You can answer the prompt[\s\S]*<span >The time to answer is over/)
  assert.match(render('unknown'), /please do not pay twice/)
})

test('a page that cannot be closed hides other methods; one that can be closed does not', () => {
  assert.ok(!/<form|M-\W?Pesa/.test(render('page-stays')))
  assert.match(render('page-stays'), /Continue to Crossmint[\s\S]*cannot be closed from here/)
  assert.match(render('card-open'), /the open page is closed first[\s\S]*<form/)
  assert.ok(!/<form/.test(render('card-opening')), 'its page is being created')
  assert.ok(
    !/class="qr"|bc1q/.test(withoutTemplate(render('page-over-address'))),
    'an address is no second way beside a page',
  )
})

test('after expiry no panel asks for money, and each says what to do', () => {
  for (const name of SAMPLE_NAMES) {
    for (const language of LANGUAGES) {
      const view = sampleView(name, language)
      const { state } = SAMPLES[name]
      if (!asksForMoney(state)) continue
      const then = renderPanel({ ...view, problem: undefined, now: view.intent.expiresAt }).text
      assert.ok(!/<form|class="qr"|data-copy|bc1q|0100 200 300|checkout\.stripe|data-wallet/.test(then), name)
      assert.match(then, /data-state="(expired|closing|confirming)"/, name)
      // A partial payment is being confirmed.
      if (!then.includes('data-state="confirming"'))
        assert.match(then, language === 'en' ? /new payment/ : /malipo mapya/, name)
      const [, inside = ''] = /<template data-time-up[^>]*>([\s\S]*)<\/template/.exec(renderPanel(view).text) ?? []
      assert.ok(then.includes(inside.trim()) && inside.includes('data-title'), `${name}: for a page without a network`)
    }
  }
})

test('a page without script reloads when the payment or its rate expires', () => {
  const wait = (name: SampleName): number => Number(/http-equiv="refresh" content="(\d+);/.exec(documentOf(name))?.[1])
  assert.equal(wait('choose'), 42 * 60 + 1)
  assert.equal(wait('address'), 15 * 60 + 1)
  assert.equal(wait('transfer'), 7 * 86_400 + 1)
})

test('a transfer shows one payment code and copies numbers in bank format, also after it was sent', () => {
  for (const name of ['transfer', 'transfer-sent'] as const) {
    const text = withoutTemplate(render(name))
    assert.match(
      text,
      /<dt>Account<\/dt>[\s\S]*data-copy="0100200300"[\s\S]*<dt>Payment code<\/dt>[\s\S]*data-copy="X2M4P-7K3Q9"/,
    )
    assert.ok(!text.includes('Reference'), name)
  }
  assert.match(render('transfer-expired'), /payment code X2M4P-7K3Q9/)
})

test('payment from the M-Pesa menu is shown only after the prompt has ended, and needs confirmation', () => {
  assert.ok(!render('waiting-manual-mpesa').includes('174379'))
  assert.match(render('waiting-manual-mpesa'), /then also pay from the M-\W?Pesa menu/)
  assert.match(render('declined-manual-mpesa'), /choose the transfer below/)
  assert.match(
    render('transfer-manual-mpesa'),
    /business number 174379, account number X2M4P-7K3Q9[\s\S]*confirms it manually/,
  )
  assert.match(render('transfer-till'), /till number 5123456[\s\S]*code from your M-\W?Pesa message/)
})

test('a page without script reloads every few seconds only if it has no input field', () => {
  for (const name of SAMPLE_NAMES) {
    const reloads = /http-equiv="refresh" content="5;/.test(documentOf(name))
    assert.ok(!(reloads && render(name).includes('<input id="phone"')), name)
    assert.equal(reloads, ['waiting', 'confirming', 'closing'].includes(SAMPLES[name].state), name)
  }
})

test('a payment shows as expired at once, although the ledger changes seconds later', () => {
  const intent = sampleIntent({ status: 'open' })
  assert.equal(stateOf(intent, addMs(intent.expiresAt, -1)), 'choose')
  assert.equal(stateOf(intent, intent.expiresAt), 'expired')
})

test('a paid page waits for a missing receipt number; otherwise it stops updating', () => {
  const { intent } = sampleView('paid', 'en')
  assert.equal(isSettled(intent), true)
  const [receipt] = intent.receipts
  assert.ok(receipt)
  assert.equal(isSettled({ ...intent, receipts: [{ ...receipt, number: undefined }] }), false)
  assert.equal(isSettled(sampleView('paid-twice', 'en').intent), true)
  assert.equal(isSettled(sampleView('paid-prompted', 'en').intent), false)
  assert.equal(isSettled(sampleView('waiting', 'en').intent), false)
})

test('once nothing is due, a payer with an open provider page is warned not to pay there', () => {
  for (const name of ['paid-page-open', 'canceled-page-open'] as const)
    assert.match(render(name), /A page of Crossmint is still open: do not pay there/, name)
  for (const name of ['paid', 'paid-twice', 'canceled'] as const) assert.ok(!render(name).includes('still open'), name)
})

test('a phone number is masked on screen, and screen readers read its last digits', () => {
  const text = render('waiting')
  assert.match(text, /aria-hidden="true">07••\u00A0•••\u00A0678</)
  assert.match(text, /the number ending in 6 7 8/)
  assert.ok(!text.includes('2547'))
})

test('live pages show no practice notice, and practice pages always do', () => {
  assert.ok(!documentOf('choose').includes('class="practice"'))
  assert.match(documentOf('choose-practice'), /class="practice"/)
})

test('phone methods share one number field with a button each; every provider is named', () => {
  const many = render('choose-many')
  assert.equal(many.match(/<input/g)?.length, 3, 'one number, and the methods of two pages')
  assert.match(many, /name="method" value="mpesa"[\s\S]*by M-\u2060Pesa/)
  assert.match(many, /name="method" value="airtel"[\s\S]*by Airtel Money/)
  assert.match(many, /Opens the secure page of Crossmint\./)
  assert.match(render('page-stays'), /Your payment by Crossmint is not finished[\s\S]*Continue to Crossmint/)
  const waiting = render('waiting-airtel')
  assert.match(waiting, /Airtel Money PIN/)
  assert.ok(!waiting.includes('Pesa PIN'))
})
