import { assetOf, money, type Asset } from '#money'
import type { Attempt, Intent, PaymentMethod, Receipt, Deposit } from '#payments'
import { addMs } from '#platform/base/clock'
import { stateOf, type PanelState, type View } from './state.ts'
import { speak, type Language } from '../../strings/strings.ts'

/** Sample payments in every state of the page, for tests. */
const KES: Asset = assetOf('KES')
const NOW = new Date('2026-01-15T09:00:00Z')
const ID = 'pay_01kd3vq7m2e8wtzr4c9x5bnh6f'

const METHODS: readonly PaymentMethod[] = [
  {
    method: 'mpesa',
    rail: 'mpesa',
    kind: 'push',
    needs: ['phone'],
    limits: { min: 100n, max: 15_000_000n, step: 100n },
    closes: false,
    unavailable: undefined,
  },
  {
    method: 'card',
    rail: 'stripe',
    kind: 'page',
    needs: [],
    limits: { min: 100n, max: 99_999_999n, step: 1n },
    closes: true,
    unavailable: undefined,
  },
]

/** Every kind of method, from several providers. */
const MANY: readonly PaymentMethod[] = [
  ...METHODS.slice(0, 1),
  ...METHODS.slice(0, 1).map((one) => ({ ...one, method: 'airtel', rail: 'airtel' })),
  ...METHODS.slice(1).flatMap((one) => [one, { ...one, method: 'crossmint', rail: 'crossmint', closes: false }]),
]

const WITH_TRANSFER: readonly PaymentMethod[] = [
  ...METHODS.slice(0, 1),
  ...METHODS.slice(1).map((one) => ({
    ...one,
    method: 'transfer',
    rail: 'transfer',
    kind: 'transfer' as const,
    closes: false,
  })),
]

const attempt = (more: Partial<Attempt> = {}): Attempt => ({
  id: 'att_01',
  intentId: ID,
  method: 'mpesa',
  rail: 'mpesa',
  kind: 'push',
  amount: money(KES, 150_000n),
  status: 'pending',
  reason: undefined,
  declined: undefined,
  redirectUrl: undefined,
  address: undefined,
  code: undefined,
  sentAt: undefined,
  paymentUri: undefined,
  due: undefined,
  exchange: undefined,
  deposits: [],
  phone: '2547*****678',
  endsAt: addMs(NOW, 160_000),
  createdAt: addMs(NOW, -20_000),
  ...more,
})

const cardAttempt = (more: Partial<Attempt> = {}): Attempt =>
  attempt({
    id: 'att_02',
    method: 'card',
    rail: 'stripe',
    kind: 'page',
    phone: undefined,
    endsAt: undefined,
    redirectUrl: 'https://checkout.stripe.com/c/pay/cs_test',
    ...more,
  })

const receipt = (more: Partial<Receipt> = {}): Receipt => ({
  id: 'rcp_01',
  attemptId: 'att_01',
  rail: 'mpesa',
  providerId: 'ws_CO_1',
  number: 'SAF7K2M9QX',
  gross: money(KES, 150_000n),
  counted: money(KES, 150_000n),
  reversed: money(KES, 0n),
  late: false,
  at: addMs(NOW, -5000),
  ...more,
})

const BTC: Asset = assetOf('BTC')
const ADDRESS = 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'
const deposit = (more: Partial<Deposit> = {}): Deposit => ({
  providerId: `${'0'.repeat(64)}:0`,
  attemptId: 'att_04',
  amount: money(BTC, 10_000n),
  state: 'seen',
  late: false,
  at: NOW,
  confirmations: { have: 0, need: 2 },
  risk: undefined,
  ...more,
})
const addressAttempt = (more: Partial<Attempt> = {}): Attempt =>
  attempt({
    id: 'att_04',
    method: 'bitcoin',
    rail: 'bitcoin',
    kind: 'address',
    amount: money(BTC, 17_823n),
    phone: undefined,
    endsAt: undefined,
    address: ADDRESS,
    paymentUri: `bitcoin:${ADDRESS}?amount=0.00017823&label=Kahawa%20Nzuri`,
    due: money(BTC, 17_823n),
    exchange: {
      quoteId: 'qte_01',
      base: 'BTC',
      quote: 'KES',
      price: { numerator: 8_417_500n, denominator: 1n },
      text: '8417500',
      sources: ['coinbase', 'kraken'],
      at: NOW,
      lockedUntil: addMs(NOW, 15 * 60_000),
      spreadBps: 0,
      asked: 17_823n,
      spread: 0n,
      priced: 150_000n,
    },
    ...more,
  })
const CODE = 'X2M4P-7K3Q9'
const transferAttempt = (more: Partial<Attempt> = {}): Attempt =>
  attempt({
    id: 'att_05',
    method: 'transfer',
    rail: 'transfer',
    kind: 'transfer',
    phone: undefined,
    address: 'Benki ya Ushirika, Moi Avenue\nAccount 0100 200 300\nName: Kahawa Nzuri',
    code: CODE,
    endsAt: addMs(NOW, 7 * 24 * 3_600_000),
    ...more,
  })
const oldPrice = (): Attempt => {
  const { exchange, ...rest } = addressAttempt()
  return { ...rest, exchange: exchange && { ...exchange, lockedUntil: addMs(NOW, -1000) } }
}

export const sampleIntent = (more: Partial<Intent> = {}): Intent => ({
  id: ID,
  merchantId: 'mer_01',
  owner: 'gateway',
  livemode: true,
  amount: money(KES, 150_000n),
  received: money(KES, 0n),
  refunded: money(KES, 0n),
  reversed: money(KES, 0n),
  status: 'open',
  flags: { partial: false, overpaid: false, late: false },
  methods: ['mpesa', 'card'],
  description: 'Two mugs and a bag of coffee',
  reference: 'Order 1042',
  customer: undefined,
  topUp: false,
  returnUrl: 'https://shop.example/thanks',
  metadata: {},
  terms: { merchantName: 'Kahawa Nzuri' },
  version: 3,
  expiresAt: addMs(NOW, 42 * 60_000),
  onlyTransferFrom: undefined,
  canceledAt: undefined,
  createdAt: addMs(NOW, -60_000),
  attempts: [],
  receipts: [],
  ...more,
})

const paid = (more: Partial<Intent> = {}): Intent =>
  sampleIntent({
    status: 'paid',
    received: money(KES, 150_000n),
    attempts: [attempt({ status: 'settled' })],
    receipts: [receipt()],
    ...more,
  })

const failedWith = (more: Partial<Attempt>): Partial<Intent> => ({ attempts: [attempt({ status: 'failed', ...more })] })
const partial: Partial<Intent> = {
  received: money(KES, 149_900n),
  flags: { partial: true, overpaid: false, late: false },
  attempts: [attempt({ status: 'settled' })],
  receipts: [receipt({ gross: money(KES, 149_900n), counted: money(KES, 149_900n) })],
}
const tooLong = 'Mama Wanjiru & Daughters Wholesale Groceries, Household Goods and Mobile Accessories Limited'

const MANUAL_MPESA: Partial<View> = {
  methods: WITH_TRANSFER,
  manualMpesa: { kind: 'paybill', number: '174379', account: undefined },
}
/** A payment that expires together with its transfer instructions. */
const WEEK: Partial<Intent> = { expiresAt: addMs(NOW, 7 * 24 * 3_600_000) }

interface Sample {
  readonly intent: Intent
  readonly state: PanelState
  readonly more?: Partial<View>
}

const sample = (state: PanelState, more: Partial<Intent> = {}, view: Partial<View> = {}): Sample => ({
  intent: sampleIntent(more),
  state,
  more: view,
})

export const SAMPLES = {
  choose: sample('choose'),
  'choose-practice': sample('choose', { livemode: false, customer: { phone: '254712345678' } }),
  'choose-card-only': sample('choose', { methods: ['card'] }, { methods: METHODS.slice(1) }),
  'choose-many': sample('choose', {}, { methods: MANY }),
  'waiting-airtel': sample(
    'waiting',
    { status: 'processing', attempts: [attempt({ method: 'airtel' })] },
    { methods: MANY },
  ),
  'choose-transfer': sample('choose', {}, { methods: WITH_TRANSFER }),
  transfer: sample('transfer', { attempts: [transferAttempt()], ...WEEK }, { methods: WITH_TRANSFER }),
  'transfer-sent': sample('confirming', {
    status: 'processing',
    attempts: [transferAttempt({ sentAt: NOW })],
    ...WEEK,
  }),
  'transfer-missing': sample(
    'choose',
    { attempts: [transferAttempt({ status: 'failed', reason: 'not-received', sentAt: NOW })] },
    { methods: WITH_TRANSFER },
  ),
  'choose-none': sample('choose', {}, { methods: [] }),
  'choose-long': sample('choose', {
    terms: { merchantName: tooLong },
    description: `Invoice ${'0123456789'.repeat(15)}`,
    amount: money(KES, 99_999_999_999n),
    expiresAt: addMs(NOW, 23 * 3_600_000),
  }),
  'phone-wrong': sample('choose', {}, { typedPhone: '0712', problem: { status: 422, field: 'phone', text: '' } }),
  'too-many': sample('choose', {}, { typedPhone: '0712 345 678', problem: { status: 429, text: '' } }),
  'waiting-over': sample('waiting', { status: 'processing', attempts: [attempt({ endsAt: NOW })] }),
  'waiting-manual-mpesa': sample('waiting', { status: 'processing', attempts: [attempt()] }, MANUAL_MPESA),
  'declined-manual-mpesa': sample('choose', failedWith({ reason: 'no-response' }), MANUAL_MPESA),
  'transfer-manual-mpesa': sample('transfer', { attempts: [transferAttempt()], ...WEEK }, MANUAL_MPESA),
  'transfer-till': sample(
    'transfer',
    { attempts: [transferAttempt({ address: 'M-Pesa till: 5123456' })], ...WEEK },
    { methods: WITH_TRANSFER, manualMpesa: { kind: 'till', number: '5123456', account: undefined } },
  ),
  'transfer-expired': sample('expired', { status: 'expired', attempts: [transferAttempt({ status: 'failed' })] }),
  'page-stays': sample('choose', { attempts: [cardAttempt({ method: 'crossmint' })] }, { methods: MANY }),
  'page-over-address': sample('choose', { attempts: [addressAttempt(), cardAttempt()] }),
  sending: sample('waiting', { status: 'processing', attempts: [attempt({ status: 'submitting' })] }),
  waiting: sample('waiting', { status: 'processing', attempts: [attempt()] }),
  unknown: sample('waiting', { status: 'processing', attempts: [attempt({ status: 'unknown' })] }),
  confirming: sample('confirming', { status: 'processing' }),
  declined: sample('choose', failedWith({ reason: 'canceled-by-payer' })),
  abandoned: sample('choose', failedWith({ status: 'abandoned' })),
  'card-open': sample('choose', { attempts: [cardAttempt()] }),
  'card-declined': sample('choose', { attempts: [cardAttempt({ declined: 'declined' })] }),
  'card-opening': sample('choose', { attempts: [cardAttempt({ status: 'unknown', redirectUrl: undefined })] }),
  'prompt-and-card': sample('waiting', { status: 'processing', attempts: [cardAttempt(), attempt()] }),
  partial: sample('choose', partial),
  address: sample('address', { livemode: false, attempts: [addressAttempt()] }, { practiceUrl: '/sandbox' }),
  'address-rest': sample('address', {
    status: 'processing',
    attempts: [
      addressAttempt({
        due: money(BTC, 7823n),
        deposits: [deposit({ state: 'gone', providerId: 'x:1' }), deposit()],
      }),
    ],
  }),
  repricing: sample('repricing', { attempts: [oldPrice()] }),
  'confirming-address': sample('confirming', {
    status: 'processing',
    attempts: [addressAttempt({ due: money(BTC, 0n), paymentUri: undefined, deposits: [deposit()] })],
  }),
  'closing-address': sample('closing', { expiresAt: addMs(NOW, -60_000), attempts: [addressAttempt()] }),
  closing: sample('closing', { expiresAt: addMs(NOW, -60_000), attempts: [cardAttempt()] }),
  paid: { intent: paid(), state: 'paid' },
  'paid-twice': {
    intent: paid({
      attempts: [attempt({ status: 'settled' }), cardAttempt({ status: 'settled' })],
      receipts: [
        receipt({ gross: money(KES, 149_900n) }),
        receipt({ id: 'rcp_02', attemptId: 'att_02', number: undefined, gross: money(KES, 100n) }),
      ],
      refunded: money(KES, 50_000n),
    }),
    state: 'paid',
  },
  'paid-prompted': {
    intent: paid({
      attempts: [attempt({ id: 'att_03' }), cardAttempt({ status: 'settled' })],
      receipts: [receipt({ attemptId: 'att_02', number: undefined })],
    }),
    state: 'paid',
  },
  'paid-page-open': {
    intent: paid({ attempts: [attempt({ status: 'settled' }), cardAttempt({ method: 'crossmint' })] }),
    state: 'paid',
  },
  overpaid: {
    intent: paid({ received: money(KES, 155_050n), flags: { partial: false, overpaid: true, late: false } }),
    state: 'paid',
  },
  expired: sample('expired', { status: 'expired' }),
  'expired-partial': sample('expired', { ...partial, status: 'expired' }),
  canceled: sample('canceled', { status: 'canceled', returnUrl: undefined }),
  'canceled-page-open': sample('canceled', { status: 'canceled', attempts: [cardAttempt({ method: 'crossmint' })] }),
  failed: sample('failed', { status: 'failed' }),
  reversed: sample('reversed', { status: 'reversed' }),
} as const satisfies Record<string, Sample>

export type SampleName = keyof typeof SAMPLES
export const SAMPLE_NAMES = Object.keys(SAMPLES) as SampleName[]

export function sampleView(name: SampleName, language: Language): View {
  const { intent, more = {} }: Sample = SAMPLES[name]
  const speech = speak(language)
  const view: View = { intent, methods: METHODS, speech, now: NOW, ...more }
  if (!view.problem) return view
  const text =
    view.problem.field === 'phone'
      ? speech.say('phoneInvalid')
      : speech.say('tooMany', { minutes: speech.say('minutes', { n: '9' }) })
  return { ...view, problem: { ...view.problem, text } }
}

/** Returns the expected and the actual state of the sample. */
export const statesOf = (name: SampleName): readonly [said: PanelState, is: PanelState] => {
  const { intent, state }: Sample = SAMPLES[name]
  return [state, stateOf(intent, NOW)]
}
