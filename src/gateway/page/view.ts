import { currencyOf, formatAmount, money, scaleOf, type Money } from '#money'
import type { Attempt, Intent, PaymentMethod } from '#payments'
import { html, type Html } from '#platform/html'
import type { Speech, Words } from './strings.ts'

export interface View {
  readonly intent: Intent
  /** The methods of this payment that can take what is due now. */
  readonly methods: readonly PaymentMethod[]
  readonly speech: Speech
  /** What went wrong with what the payer just sent, in their words. */
  readonly problem?: { readonly field?: 'phone'; readonly text: string }
  /** What the payer typed, to be shown again. */
  readonly typedPhone?: string
}

/** The part of the page that changes: it shows only what the ledger says of the payment. */
export function panel(view: View): Html {
  const { intent } = view
  const live = intent.attempts.find((attempt) => attempt.kind === 'push' && isWaiting(attempt))
  const body = panelBody(view, live)
  const redirect = latest(intent)?.redirectUrl
  return html`<div
    id="panel"
    data-version="${intent.version}"
    data-status="${intent.status}"
    data-redirect="${intent.status === 'open' || intent.status === 'processing' ? redirect : undefined}"
    aria-live="polite"
  >
    ${body}
  </div>`
}

/** Whether something is under way, so that a page without script reloads itself. */
export const isMoving = ({ attempts, status }: Intent): boolean =>
  (status === 'open' || status === 'processing') && attempts.some(isWaiting)

function panelBody(view: View, live: Attempt | undefined): Html {
  const { intent, speech } = view
  const merchant = intent.terms.merchantName
  switch (intent.status) {
    case 'paid':
      return paid(view)
    case 'expired':
      return closed(view, 'expired')
    case 'canceled':
      return closed(view, 'canceled')
    case 'reversed':
      return notice('warn', speech.say('reversedTitle'), speech.say('reversedText', { merchant }))
    case 'failed':
      return notice('bad', speech.say('failedTitle'), speech.say('failedText', { merchant }))
    case 'open':
    case 'processing':
      return live ? waiting(view, live) : choose(view)
  }
}

const isWaiting = ({ status }: Attempt): boolean => ['created', 'submitting', 'pending', 'unknown'].includes(status)
const latest = (intent: Intent): Attempt | undefined =>
  intent.attempts.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || a.id.localeCompare(b.id)).at(-1)

/** `KES 1,500.00`; whole amounts without decimals, as people write them: `KES 1,500`. */
export function showMoney({ asset, amount }: Money): string {
  const [whole = '', fraction = ''] = formatAmount(money(asset, amount)).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  const decimals = scaleOf(asset) > 0 && !/^0*$/.test(fraction) ? `.${fraction}` : ''
  return `${currencyOf(asset)} ${grouped}${decimals}`
}

export const dueOf = ({ amount, received }: Intent): Money => money(amount.asset, amount.amount - received.amount)

function waiting({ intent, speech }: View, attempt: Attempt): Html {
  const values = { amount: showMoney(attempt.amount), phone: attempt.phone ?? '' }
  const words: readonly [keyof Words, keyof Words] =
    attempt.status === 'unknown' ? ['unknownTitle', 'unknownText'] : ['waitingTitle', 'waitingText']
  const title = attempt.status === 'created' || attempt.status === 'submitting' ? 'sendingTitle' : words[0]
  return html`<div class="state" role="status">
      <div class="spinner" aria-hidden="true"></div>
      <h2>${speech.say(title)}</h2>
      <p>${speech.say(words[1], values)}</p>
    </div>
    <noscript
      ><p class="center"><a class="button quiet" href="/pay/${intent.id}">${speech.say('reload')}</a></p></noscript
    >`
}

function choose(view: View): Html {
  const { intent, methods, speech, problem } = view
  const last = latest(intent)
  const amount = showMoney(dueOf(intent))
  const forms = methods.map((method) => methodForm(view, method, amount))
  const partial = intent.flags.partial
    ? notice(
        'warn',
        speech.say('partialTitle', { received: showMoney(intent.received), due: amount }),
        speech.say('partialText'),
      )
    : undefined
  return html`${partial} ${last && outcomeOf(last, speech)}
    ${problem && !problem.field && html`<p class="alert bad" role="alert">${problem.text}</p>`}
    <h2 class="ask">${speech.say('chooseMethod')}</h2>
    ${forms.flatMap((form, i) => (i === 0 ? [form] : [html`<p class="or"><span>${speech.say('or')}</span></p>`, form]))}`
}

/** How the last try ended, and that another is welcome. */
function outcomeOf(attempt: Attempt, speech: Speech): Html | undefined {
  const text =
    attempt.status === 'failed' && attempt.reason
      ? speech.reason(attempt.reason)
      : attempt.status === 'abandoned' && attempt.kind === 'push'
        ? speech.say('abandonedText')
        : attempt.declined && speech.reason(attempt.declined)
  if (!text) return undefined
  return html`<p class="alert bad" role="alert">${text} ${attempt.status !== 'abandoned' && speech.say('tryAgain')}</p>`
}

function methodForm(view: View, { method, kind }: PaymentMethod, amount: string): Html {
  const { intent, speech, problem, typedPhone } = view
  const action = `/pay/${intent.id}/attempts?lang=${speech.language}`
  if (kind === 'push') {
    const phone = typedPhone ?? intent.customer?.phone ?? ''
    const wrong = problem?.field === 'phone'
    return html`<form method="post" action="${action}" class="method" data-pay>
      <input type="hidden" name="method" value="${method}" />
      <h3>${speech.say('mpesaTitle')}</h3>
      <label for="phone">${speech.say('mpesaPhone')}</label>
      <input
        id="phone"
        name="phone"
        type="tel"
        inputmode="tel"
        autocomplete="tel"
        required
        maxlength="20"
        value="${phone}"
        aria-describedby="${wrong ? 'phone-problem phone-hint' : 'phone-hint'}"
        ${wrong && html`aria-invalid="true"`}
      />
      ${wrong && html`<p id="phone-problem" class="problem" role="alert">${problem.text}</p>`}
      <p id="phone-hint" class="hint">${speech.say('mpesaHint')}</p>
      <button class="button">${speech.say('mpesaButton', { amount })}</button>
    </form>`
  }
  const started = intent.attempts.find(
    (attempt) => attempt.method === method && isWaiting(attempt) && attempt.redirectUrl,
  )
  return html`<form method="post" action="${action}" class="method" data-pay>
    <input type="hidden" name="method" value="${method}" />
    <h3>${method === 'card' ? speech.say('cardTitle') : method}</h3>
    <p class="hint">${speech.say(started ? 'cardWaitingText' : 'cardHint')}</p>
    ${
      started?.redirectUrl
        ? html`<a class="button" href="${started.redirectUrl}" rel="noreferrer">${speech.say('cardContinue')}</a>`
        : html`<button class="button ${method === 'card' ? 'second' : ''}">
            ${speech.say(method === 'card' ? 'cardButton' : 'otherButton', { amount, method })}
          </button>`
    }
  </form>`
}

function paid({ intent, speech }: View): Html {
  const merchant = intent.terms.merchantName
  const extra = money(intent.amount.asset, intent.received.amount - intent.amount.amount)
  const receipt = intent.receipts.at(-1)
  const method = intent.attempts.find(({ id }) => id === receipt?.attemptId)?.method
  const rows: readonly (readonly [string, string | undefined])[] = [
    [speech.say('amount'), showMoney(intent.received)],
    [speech.say('method'), method && methodName(method, speech)],
    [speech.say('receiptNumber'), receipt?.number],
    [speech.say('paidAt'), receipt && showTime(receipt.at, speech)],
    [speech.say('reference'), intent.reference],
  ]
  return html`<div class="state" role="status">
      <div class="tick" aria-hidden="true">✓</div>
      <h2>${speech.say('paidTitle')}</h2>
      <p>${speech.say('paidText', { merchant, amount: showMoney(intent.received) })}</p>
      ${
        intent.flags.overpaid &&
        html`<p class="alert warn">${speech.say('overpaid', { merchant, extra: showMoney(extra) })}</p>`
      }
    </div>
    <dl class="receipt" aria-label="${speech.say('receipt')}">
      ${rows.map(
        ([label, value]) =>
          value &&
          html`<dt>${label}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    <p class="center actions">
      ${intent.returnUrl && html`<a class="button" href="${intent.returnUrl}">${speech.say('back', { merchant })}</a>`}
      <button type="button" class="button quiet" data-print hidden>${speech.say('print')}</button>
    </p>`
}

const methodName = (method: string, speech: Speech): string =>
  method === 'mpesa' ? speech.say('mpesaTitle') : method === 'card' ? speech.say('cardTitle') : method

function showTime(at: Date, speech: Speech): string {
  const locale = speech.language === 'sw' ? 'sw-KE' : 'en-KE'
  return new Intl.DateTimeFormat(locale, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: 'Africa/Nairobi',
  }).format(at)
}

function closed({ intent, speech }: View, how: 'expired' | 'canceled'): Html {
  const merchant = intent.terms.merchantName
  const arrived =
    intent.received.amount > 0n &&
    html`<p class="alert warn">${speech.say('expiredReceived', { merchant, received: showMoney(intent.received) })}</p>`
  return html`${notice('warn', speech.say(`${how}Title`), speech.say(`${how}Text`, { merchant }))} ${arrived}
  ${
    intent.returnUrl &&
    html`<p class="center">
      <a class="button quiet" href="${intent.returnUrl}">${speech.say('back', { merchant })}</a>
    </p>`
  }`
}

const notice = (tone: 'warn' | 'bad', title: string, text: string): Html =>
  html`<div class="state ${tone}" role="status">
    <h2>${title}</h2>
    <p>${text}</p>
  </div>`
