import type { Attempt, PaymentMethod } from '#payments'
import { html, type Html } from '#platform/base/html'
import { icons } from '../layout/icons.ts'
import { renderNotice, renderBackLink, renderHeadline } from './notices.ts'
import { dueOf, methodName, pageName, showMoney, typedPhone } from '../../strings/format.ts'
import { canSwitch, livePage, type View } from './state.ts'
import type { Speech } from '../../strings/strings.ts'
import { MAX_PHONE_LENGTH } from '#platform/base/phone'

/** Renders the notices and the methods. */
export function renderMethods(view: View): Html {
  const { intent, methods, speech } = view
  const merchant = intent.terms.merchantName
  if (methods.length === 0) {
    const text = speech.say('noneText', { merchant })
    return html`${renderNotices(view)}
    ${renderHeadline({ tone: 'warn', icon: 'alert', title: speech.say('none'), text })}`
  }
  if (!canSwitch(view)) return renderOpenPage(view)
  const [first] = methods
  const title =
    methods.length === 1 && first
      ? speech.say('payBy', { method: methodName(first.method, speech, 'sentence') })
      : speech.say('choose')
  return html`${renderNotices(view)}
    <h2 class="ask" tabindex="-1" data-focus data-title>${title}</h2>
    ${renderMethodList(view, methods).flatMap((one, i) => (i === 0 ? [one] : [between(speech), one]))}`
}

/** Renders only the open provider page, if it cannot be closed or is still being opened. The payer must finish it before using another method. */
function renderOpenPage(view: View): Html {
  const { intent, speech } = view
  const page = livePage(intent)
  if (!page) return html``
  const method = methodName(page.method, speech, 'sentence')
  const title =
    page.redirectUrl === undefined ? speech.say('payBy', { method }) : pageText(speech, page.method, 'Unfinished')
  const values = { page: pageName(page.method, speech), merchant: intent.terms.merchantName }
  return html`${renderNotices(view)}
    <h2 class="ask" tabindex="-1" data-focus data-title>${title}</h2>
    ${renderPageButton(view, page.method, { look: '' })}
    ${page.redirectUrl !== undefined && html`<p class="hint" data-text>${speech.say('pageStays', values)}</p>`}`
}

/** Renders the other methods, below the chosen one. */
export function renderOtherMethods(view: View, chosen: string): readonly Html[] {
  const others = view.methods.filter(({ method }) => method !== chosen)
  if (others.length === 0) return []
  // An address or account cannot be closed: only the payer knows whether money is on its way to it.
  const warning = html`<p class="hint center">${view.speech.say('sentAlready')}</p>`
  return [
    ...renderMethodList(view, others, false).flatMap((one, i) =>
      i === 0 ? [between(view.speech), warning, one] : [between(view.speech), one],
    ),
  ]
}

const between = (speech: Speech): Html => html`<p class="or"><span>${speech.say('or')}</span></p>`

function renderMethodList(view: View, methods: readonly PaymentMethod[], isMain = true): readonly Html[] {
  const pushes = methods.filter(({ kind }) => kind === 'push')
  return methods.flatMap((method, i) => {
    if (method.kind !== 'push') return [renderPageMethod(view, method, isMain && i === 0)]
    // All phone methods share one field for the number.
    return method === pushes[0] ? [renderPhoneForm(view, pushes)] : []
  })
}

/** Renders the money received so far, the result of the last attempt and problems of the last form. */
export function renderNotices(view: View): readonly (Html | undefined)[] {
  const { intent, speech, problem } = view
  const due = showMoney(dueOf(intent))
  return [
    problem && !problem.field ? renderNotice({ tone: 'bad', title: problem.text }) : undefined,
    problem ? undefined : renderLastOutcome(view),
    intent.flags.partial
      ? renderNotice({
          tone: 'warn',
          title: speech.say('partial', { received: showMoney(intent.received), due }),
          text: speech.say('partialText'),
        })
      : undefined,
  ]
}

/** Renders the result of the last attempt, and that the payer can try again. */
function renderLastOutcome(view: View): Html | undefined {
  const { intent, speech } = view
  const last = intent.attempts.at(-1)
  if (!last) return undefined
  const refusal = last.status === 'failed' ? last.reason : last.declined
  if (refusal === 'not-received') {
    const text = speech.say('transferMissingText', { merchant: intent.terms.merchantName, code: last.code ?? '' })
    return renderNotice({ tone: 'warn', title: speech.reason(refusal), text })
  }
  if (refusal && last.status !== 'settled')
    return renderNotice({
      tone: 'bad',
      title: speech.reason(refusal),
      text: [speech.say('nothingTaken'), manualNow(view, last)],
    })
  if (last.status === 'abandoned' && last.kind === 'push')
    return renderNotice({
      tone: 'warn',
      title: speech.say('abandoned', { method: methodName(last.method, speech, 'sentence') }),
      text: [speech.say('abandonedText'), manualNow(view, last)],
    })
  const openPage = livePage(intent)
  if (openPage?.redirectUrl === undefined || !canSwitch(view)) return undefined
  return renderNotice({
    tone: 'info',
    title: pageText(speech, openPage.method, 'Unfinished'),
    text: speech.say('cardUnfinishedText'),
  })
}

/** Returns a hint after a failed prompt: the payer can pay manually from the same M-Pesa account, if an operator confirms such payments. */
const manualNow = ({ manualMpesa, methods, speech }: View, { kind }: Attempt): string | undefined =>
  kind === 'push' && manualMpesa && methods.some((each) => each.kind === 'transfer')
    ? ` ${speech.say('manualNow')}`
    : undefined

/** Renders the panel after expiry. A started attempt may still succeed, but the panel asks for no more money. */
export function renderClosing({ intent, speech }: View): Html {
  const page = livePage(intent)
  const merchant = intent.terms.merchantName
  const text = page
    ? speech.say('closingText', { merchant, page: pageName(page.method, speech) })
    : speech.say('closingAddressText', { merchant })
  return html`${renderHeadline({ tone: 'warn', icon: 'clock', title: speech.say('closing'), text })}
  ${intent.returnUrl && html`<p class="actions">${renderBackLink(intent.returnUrl, speech.say('back', { merchant }), 'quiet')}</p>`}`
}

function renderPageMethod(view: View, { method, kind }: PaymentMethod, isFirst: boolean): Html {
  const { intent, speech } = view
  if (kind === 'address')
    return html`<div class="way">
      ${renderPageButton(view, method, { look: isFirst ? '' : 'quiet', icon: 'coin' })}
      <p class="hint center">${speech.say('addressHint')}</p>
    </div>`
  if (kind === 'transfer')
    return html`<div class="way">
      ${renderPageButton(view, method, { look: isFirst ? '' : 'quiet', icon: 'bank' })}
      <p class="hint center">${speech.say(view.manualMpesa ? 'transferMethodHintWithMpesa' : 'transferMethodHint')}</p>
    </div>`
  const openPage = livePage(intent, method)
  const isOpening = openPage !== undefined && openPage.redirectUrl === undefined
  return html`<div class="way">
    ${renderPageButton(view, method, { look: isFirst ? '' : 'quiet' })}
    ${!isOpening && html`<p class="hint center">${icons.lock} ${pageText(speech, method, 'Hint')}</p>`}
  </div>`
}

/** Returns a text about a provider's page. Card pages have separate texts. */
const pageText = (speech: Speech, method: string, what: 'Hint' | 'Opening' | 'Unfinished' | 'Continue'): string =>
  method === 'card'
    ? speech.say(`card${what}`)
    : speech.say(`page${what}`, { method: methodName(method, speech, 'sentence') })

const actionOf = ({ intent, speech }: View): string => `/pay/${intent.id}/attempts?lang=${speech.language}`

/** Renders one field for the phone number and a button for each method that can prompt it. */
function renderPhoneForm(view: View, methods: readonly PaymentMethod[]): Html {
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

/** Renders the button to the provider's page: the open one, or a new one. */
function renderPageButton(view: View, method: string, { look, icon = 'card' }: ButtonLook): Html {
  const { intent, speech } = view
  const openPage = livePage(intent, method)
  if (openPage?.redirectUrl !== undefined)
    return continueLink(openPage.redirectUrl, look, pageText(speech, method, 'Continue'))
  // The page's URL is not known yet: the provider's response is pending, or it was lost and is being queried.
  if (openPage) return html`<p class="hint center busy">${pageText(speech, method, 'Opening')}</p>`
  const values = { amount: showMoney(dueOf(intent)), method: methodName(method, speech, 'sentence') }
  return html`<form method="post" action="${actionOf(view)}" data-pay>
    <input type="hidden" name="method" value="${method}" />
    <button class="button ${look}">${icons[icon]} ${speech.say('payNow', values)}</button>
  </form>`
}

const continueLink = (url: string, look: string, text: string): Html =>
  html`<a class="button ${look}" href="${url}" rel="noreferrer">${icons.card} ${text}</a>`
