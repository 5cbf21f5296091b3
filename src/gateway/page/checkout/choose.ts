import type { Attempt, PaymentMethod } from '#payments'
import { html, type Html } from '#platform/base/html'
import { icons } from '../layout/icons.ts'
import { alert, backLink, headline } from './notices.ts'
import { dueOf, methodName, pageName, showMoney, typedPhone } from '../../strings/format.ts'
import { canSwitch, livePage, type View } from './state.ts'
import type { Speech } from '../../strings/strings.ts'
import { MAX_PHONE_LENGTH } from '#platform/base/phone'

/** The ways to pay, below what there is to know before. */
export function choose(view: View): Html {
  const { intent, methods, speech } = view
  const merchant = intent.terms.merchantName
  if (methods.length === 0) {
    const text = speech.say('noneText', { merchant })
    return html`${notes(view)} ${headline({ tone: 'warn', icon: 'alert', title: speech.say('none'), text })}`
  }
  if (!canSwitch(view)) return onlyPage(view)
  const [first] = methods
  const title =
    methods.length === 1 && first
      ? speech.say('payBy', { method: methodName(first.method, speech, 'sentence') })
      : speech.say('choose')
  return html`${notes(view)}
    <h2 class="ask" tabindex="-1" data-focus data-title>${title}</h2>
    ${waysOf(view, methods).flatMap((one, i) => (i === 0 ? [one] : [between(speech), one]))}`
}

/** An open page that cannot be closed, or is just being opened: it is finished before any other way is offered. */
function onlyPage(view: View): Html {
  const { intent, speech } = view
  const page = livePage(intent)
  if (!page) return html``
  const method = methodName(page.method, speech, 'sentence')
  const title =
    page.redirectUrl === undefined ? speech.say('payBy', { method }) : sayOf(speech, page.method, 'Unfinished')
  const values = { page: pageName(page.method, speech), merchant: intent.terms.merchantName }
  return html`${notes(view)}
    <h2 class="ask" tabindex="-1" data-focus data-title>${title}</h2>
    ${pageButton(view, page.method, { look: '' })}
    ${page.redirectUrl !== undefined && html`<p class="hint" data-text>${speech.say('pageStays', values)}</p>`}`
}

/** The other ways, below the one that the payer has chosen. */
export function otherWays(view: View, chosen: string): readonly Html[] {
  const others = view.methods.filter(({ method }) => method !== chosen)
  if (others.length === 0) return []
  // An address or an account cannot be closed: only the payer knows what is on its way there.
  const warning = html`<p class="hint center">${view.speech.say('sentAlready')}</p>`
  return [
    ...waysOf(view, others, false).flatMap((one, i) =>
      i === 0 ? [between(view.speech), warning, one] : [between(view.speech), one],
    ),
  ]
}

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
function outcomeOf(view: View): Html | undefined {
  const { intent, speech } = view
  const last = intent.attempts.at(-1)
  if (!last) return undefined
  const refusal = last.status === 'failed' ? last.reason : last.declined
  if (refusal === 'not-received') {
    const text = speech.say('transferMissingText', { merchant: intent.terms.merchantName, code: last.code ?? '' })
    return alert({ tone: 'warn', title: speech.reason(refusal), text })
  }
  if (refusal && last.status !== 'settled')
    return alert({
      tone: 'bad',
      title: speech.reason(refusal),
      text: [speech.say('nothingTaken'), byHandNow(view, last)],
    })
  if (last.status === 'abandoned' && last.kind === 'push')
    return alert({
      tone: 'warn',
      title: speech.say('abandoned', { method: methodName(last.method, speech, 'sentence') }),
      text: [speech.say('abandonedText'), byHandNow(view, last)],
    })
  const begun = livePage(intent)
  if (begun?.redirectUrl === undefined || !canSwitch(view)) return undefined
  return alert({
    tone: 'info',
    title: sayOf(speech, begun.method, 'Unfinished'),
    text: speech.say('cardUnfinishedText'),
  })
}

/** After a prompt that brought nothing: the same M-Pesa account can pay by hand, where an operator looks for such money. */
const byHandNow = ({ byHand, methods, speech }: View, { kind }: Attempt): string | undefined =>
  kind === 'push' && byHand && methods.some((each) => each.kind === 'transfer')
    ? ` ${speech.say('byHandNow')}`
    : undefined

/** The time is up. What was begun may still bring money; nothing is asked for any more. */
export function closing({ intent, speech }: View): Html {
  const page = livePage(intent)
  const merchant = intent.terms.merchantName
  const text = page
    ? speech.say('closingText', { merchant, page: pageName(page.method, speech) })
    : speech.say('closingAddressText', { merchant })
  return html`${headline({ tone: 'warn', icon: 'clock', title: speech.say('closing'), text })}
  ${intent.returnUrl && html`<p class="actions">${backLink(intent.returnUrl, speech.say('back', { merchant }), 'quiet')}</p>`}`
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
      <p class="hint center">${speech.say(view.byHand ? 'transferWayHintByHand' : 'transferWayHint')}</p>
    </div>`
  const begun = livePage(intent, method)
  const isOpening = begun !== undefined && begun.redirectUrl === undefined
  return html`<div class="way">
    ${pageButton(view, method, { look: isFirst ? '' : 'quiet' })}
    ${!isOpening && html`<p class="hint center">${icons.lock} ${sayOf(speech, method, 'Hint')}</p>`}
  </div>`
}

/** The words of a provider's page: a card's have their own. */
const sayOf = (speech: Speech, method: string, what: 'Hint' | 'Opening' | 'Unfinished' | 'Continue'): string =>
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
      maxlength="${MAX_PHONE_LENGTH}"
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
  readonly icon?: 'card' | 'coin' | 'bank'
}

/** Leads to the provider's page: on to the one that is open, or to a new one. */
function pageButton(view: View, method: string, { look, icon = 'card' }: ButtonLook): Html {
  const { intent, speech } = view
  const begun = livePage(intent, method)
  if (begun?.redirectUrl !== undefined) return continueLink(begun.redirectUrl, look, sayOf(speech, method, 'Continue'))
  // Its address is not known yet: the answer is on its way, or was lost and is asked for.
  if (begun) return html`<p class="hint center busy">${sayOf(speech, method, 'Opening')}</p>`
  const values = { amount: showMoney(dueOf(intent)), method: methodName(method, speech, 'sentence') }
  return html`<form method="post" action="${actionOf(view)}" data-pay>
    <input type="hidden" name="method" value="${method}" />
    <button class="button ${look}">${icons[icon]} ${speech.say('payNow', values)}</button>
  </form>`
}

const continueLink = (url: string, look: string, text: string): Html =>
  html`<a class="button ${look}" href="${url}" rel="noreferrer">${icons.card} ${text}</a>`
