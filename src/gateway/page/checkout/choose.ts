import type { PaymentMethod } from '#payments'
import { html, type Html } from '#platform/html'
import { icons } from '../layout/icons.ts'
import { alert, headline } from './notices.ts'
import { dueOf, methodName, showMoney, typedPhone } from '../../strings/format.ts'
import { livePage, type View } from './state.ts'
import type { Speech } from '../../strings/strings.ts'
import { PHONE_TEXT_AT_MOST } from '#platform/phone'

/** The ways to pay, below what there is to know before. */
export function choose(view: View): Html {
  const { intent, methods, speech } = view
  const merchant = intent.terms.merchantName
  if (methods.length === 0) {
    const text = speech.say('noneText', { merchant })
    return html`${notes(view)} ${headline({ tone: 'warn', icon: 'alert', title: speech.say('none'), text })}`
  }
  const [first] = methods
  const title =
    methods.length === 1 && first
      ? speech.say('payBy', { method: methodName(first.method, speech, 'sentence') })
      : speech.say('choose')
  return html`${notes(view)}
    <h2 class="ask" tabindex="-1" data-focus data-title>${title}</h2>
    ${waysOf(view, methods).flatMap((one, i) => (i === 0 ? [one] : [between(speech), one]))}`
}

/** The other ways, below the one that the payer has chosen. */
export const otherWays = (view: View, chosen: string): readonly Html[] =>
  waysOf(
    view,
    view.methods.filter(({ method }) => method !== chosen),
    false,
  ).flatMap((one) => [between(view.speech), one])

const between = (speech: Speech): Html => html`<p class="or"><span>${speech.say('or')}</span></p>`

function waysOf(view: View, methods: readonly PaymentMethod[], isMain = true): readonly Html[] {
  const pushes = methods.filter(({ kind }) => kind === 'push')
  return methods.flatMap((method, i) => {
    if (method.kind !== 'push') return [pageWay(view, method, isMain && i === 0)]
    // One number is typed for all of them.
    return method === pushes[0] ? [phoneForm(view, pushes)] : []
  })
}

/** What was paid so far, how the last try ended, what was wrong with what was sent. */
export function notes(view: View): readonly (Html | undefined)[] {
  const { intent, speech, problem } = view
  const due = showMoney(dueOf(intent))
  return [
    problem && !problem.field ? alert({ tone: 'bad', title: problem.text }) : undefined,
    problem ? undefined : outcomeOf(view),
    intent.flags.partial
      ? alert({
          tone: 'warn',
          title: speech.say('partial', { received: showMoney(intent.received), due }),
          text: speech.say('partialText'),
        })
      : undefined,
  ]
}

/** How the last try ended, and that another is welcome. */
function outcomeOf({ intent, speech }: View): Html | undefined {
  const last = intent.attempts.at(-1)
  if (!last) return undefined
  const refusal = last.status === 'failed' ? last.reason : last.declined
  if (refusal === 'not-received') {
    const text = speech.say('transferMissingText', { merchant: intent.terms.merchantName, code: last.code ?? '' })
    return alert({ tone: 'warn', title: speech.reason(refusal), text })
  }
  if (refusal && last.status !== 'settled')
    return alert({ tone: 'bad', title: speech.reason(refusal), text: speech.say('nothingTaken') })
  if (last.status === 'abandoned' && last.kind === 'push')
    return alert({
      tone: 'warn',
      title: speech.say('abandoned', { method: methodName(last.method, speech, 'sentence') }),
      text: speech.say('abandonedText'),
    })
  const begun = livePage(intent)
  if (begun?.redirectUrl === undefined) return undefined
  return alert({
    tone: 'info',
    title: sayOf(speech, begun.method, 'Unfinished'),
    text: speech.say('cardUnfinishedText'),
  })
}

/** The time is up, and a card page is open still. */
export function closing(view: View): Html {
  const { intent, speech } = view
  const method = livePage(intent)?.method
  const text = speech.say(method === undefined ? 'closingAddressText' : 'closingText')
  return html`${headline({ tone: 'warn', icon: 'clock', title: speech.say('closing'), text })}
  ${method !== undefined && pageButton(view, method, { look: '' })}`
}

function pageWay(view: View, { method, kind }: PaymentMethod, isFirst: boolean): Html {
  const { intent, speech } = view
  if (kind === 'address')
    return html`<div class="way">
      ${pageButton(view, method, { look: isFirst ? '' : 'quiet', icon: 'coin' })}
      <p class="hint center">${speech.say('addressHint')}</p>
    </div>`
  if (kind === 'transfer')
    return html`<div class="way">
      ${pageButton(view, method, { look: isFirst ? '' : 'quiet', icon: 'bank' })}
      <p class="hint center">${speech.say('transferWayHint')}</p>
    </div>`
  const begun = livePage(intent, method)
  const isOpening = begun !== undefined && begun.redirectUrl === undefined
  return html`<div class="way">
    ${pageButton(view, method, { look: isFirst ? '' : 'quiet' })}
    ${!isOpening && html`<p class="hint center">${icons.lock} ${sayOf(speech, method, 'Hint')}</p>`}
  </div>`
}

/** The words of a provider's page: a card's have their own. */
const sayOf = (
  speech: Speech,
  method: string,
  what: 'Hint' | 'Instead' | 'Opening' | 'Unfinished' | 'Continue',
): string =>
  method === 'card'
    ? speech.say(`card${what}`)
    : speech.say(`page${what}`, { method: methodName(method, speech, 'sentence') })

const actionOf = ({ intent, speech }: View): string => `/pay/${intent.id}/attempts?lang=${speech.language}`

/** One number, and a button for each way to prompt it. */
function phoneForm(view: View, methods: readonly PaymentMethod[]): Html {
  const { intent, speech, problem } = view
  const phone = view.typedPhone ?? typedPhone(intent.customer?.phone ?? '')
  const wrong = problem?.field === 'phone'
  const nameOf = ({ method }: PaymentMethod): string => methodName(method, speech, 'sentence')
  const [only, another] = methods
  const one = only && !another ? { method: nameOf(only) } : undefined
  const button = (method: PaymentMethod, i: number): Html => {
    const values = { amount: showMoney(dueOf(intent)), method: nameOf(method) }
    return html`<button class="button ${i > 0 && 'quiet'}" name="method" value="${method.method}">
      ${speech.say('payNow', values)}
    </button>`
  }
  return html`<form method="post" action="${actionOf(view)}" class="way" novalidate data-pay>
    <label for="phone">${one ? speech.say('phone', one) : speech.say('phoneAny')}</label>
    <input
      id="phone"
      name="phone"
      type="tel"
      inputmode="tel"
      autocomplete="tel"
      placeholder="0712 345 678"
      required
      maxlength="${PHONE_TEXT_AT_MOST}"
      value="${phone}"
      aria-describedby="${wrong && 'phone-problem '}phone-hint"
      ${wrong && html`aria-invalid="true" autofocus`}
    />
    ${wrong && html`<p id="phone-problem" class="problem" data-title>${problem.text}</p>`}
    <p id="phone-hint" class="hint">${one ? speech.say('phoneHint', one) : speech.say('phoneHintAny')}</p>
    ${methods.map(button)}
  </form>`
}

interface ButtonLook {
  readonly look: '' | 'quiet'
  /** Offered while a prompt is on a phone. */
  readonly instead?: boolean
  readonly icon?: 'card' | 'coin' | 'bank'
}

/** Leads to the provider's page: on to the one that is open, or to a new one. */
export function pageButton(view: View, method: string, { look, instead = false, icon = 'card' }: ButtonLook): Html {
  const { intent, speech } = view
  const begun = livePage(intent, method)
  if (begun?.redirectUrl !== undefined) return continueLink(begun.redirectUrl, look, sayOf(speech, method, 'Continue'))
  // Its address is not known yet: the answer is on its way, or was lost and is asked for.
  if (begun) return html`<p class="hint center busy">${sayOf(speech, method, 'Opening')}</p>`
  const values = { amount: showMoney(dueOf(intent)), method: methodName(method, speech, 'sentence') }
  const text = instead ? sayOf(speech, method, 'Instead') : speech.say('payNow', values)
  return html`<form method="post" action="${actionOf(view)}" data-pay>
    <input type="hidden" name="method" value="${method}" />
    <button class="button ${look}">${icons[icon]} ${text}</button>
  </form>`
}

const continueLink = (url: string, look: string, text: string): Html =>
  html`<a class="button ${look}" href="${url}" rel="noreferrer">${icons.card} ${text}</a>`
