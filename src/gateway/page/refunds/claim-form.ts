import type { Claim, ClaimPlace } from '#payments'
import { html, type Html } from '#platform/base/html'
import { renderNotice, renderBackLink, renderHeadline } from '../checkout/notices.ts'
import { methodName, showMoney, showPhone, showTime, typedPhone } from '../../strings/format.ts'
import type { Problem } from '../forms/problem.ts'
import type { Speech } from '../../strings/strings.ts'
import { MAX_PHONE_LENGTH } from '#platform/base/phone'

/** Input of the payer on the page of a refund link. */
export interface ClaimInput {
  readonly place: string
  readonly typed: string
  /** Destination that the payer must confirm. */
  readonly confirm?: string
  readonly problem?: Omit<Problem, 'field'> & { readonly field?: string }
}

interface Shown {
  readonly claim: Claim
  readonly secret: string
  readonly speech: Speech
  readonly said?: ClaimInput | undefined
}

/** Renders the panel for the status of the refund. */
export function renderClaimPanel(shown: Shown): Html {
  const { claim, speech } = shown
  const { refund, terms } = claim
  const merchant = terms.merchantName
  const amount = showMoney(refund.amount)
  switch (refund.status) {
    case 'claimable':
      return renderDestinations(shown)
    case 'pending': {
      const place = refund.phone === undefined ? '' : showPhone(refund.phone, speech)
      const text = claim.isManual
        ? speech.say('refundManualText', { amount })
        : speech.sayHtml('refundOnWayText', { amount, place })
      const again = `/refund/${refund.id}?c=${encodeURIComponent(shown.secret)}&lang=${speech.language}`
      return html`${renderHeadline({ tone: 'wait', icon: 'clock', title: speech.say('refundOnWay'), text })}
        <p class="actions">${renderBackLink(again, speech.say('checkAgain'), 'quiet')}</p>`
    }
    case 'succeeded': {
      const text = speech.say('refundSentText', { merchant, amount })
      const number = refund.number && html`<p class="small">${speech.say('refundNumber')}: ${refund.number}</p>`
      return html`${renderHeadline({ tone: 'good', icon: 'tick', title: speech.say('refundSent'), text })} ${number}`
    }
    case 'failed':
    case 'canceled':
    case 'expired':
      return renderHeadline({
        tone: 'warn',
        icon: 'cross',
        title: speech.say('refundLinkEnded'),
        text: speech.say('refundLinkEndedText', { merchant }),
      })
  }
}

function renderDestinations(shown: Shown): Html {
  const { claim, speech, said } = shown
  const failed = claim.refund.reason !== undefined && said === undefined
  const between = html`<p class="or"><span>${speech.say('or')}</span></p>`
  const forms = claim.places.map((place) => renderDestinationForm(shown, place))
  return html`${
      failed && renderNotice({ tone: 'bad', title: speech.say('refundFailed'), text: speech.say('refundFailedText') })
    }
    ${said?.problem && said.problem.field === undefined && renderNotice({ tone: 'bad', title: said.problem.text })}
    <h2 class="ask">${speech.say('refundAsk')}</h2>
    ${forms.flatMap((one, i) => (i === 0 ? [one] : [between, one]))}
    <p class="hint">${speech.say('refundUntil', { date: showTime(claim.expiresAt, speech) })}</p>`
}

const hiddenFields = ({ secret }: Shown, place: string): Html =>
  html`<input type="hidden" name="c" value="${secret}" /><input type="hidden" name="place" value="${place}" />`

const actionOf = ({ claim, speech }: Shown): string => `/refund/${claim.refund.id}?lang=${speech.language}`

function renderDestinationForm(shown: Shown, { kind, place, method }: ClaimPlace): Html {
  const { speech, said } = shown
  const typed = said?.place === place ? said.typed : ''
  const problem = said?.problem?.field === place ? said.problem : undefined
  const id = `to-${place}`
  const label =
    kind === 'phone'
      ? speech.say('phone', { method: methodName(method, speech, 'sentence') })
      : speech.say('refundWords')
  const invalid = problem && html`aria-invalid="true" autofocus`
  const described = `${problem ? `${id}-problem ` : ''}${id}-hint`
  const field =
    kind === 'phone'
      ? html`<input
          id="${id}"
          name="to"
          type="tel"
          inputmode="tel"
          autocomplete="tel"
          placeholder="0712 345 678"
          required
          maxlength="${MAX_PHONE_LENGTH}"
          value="${typedPhone(typed)}"
          aria-describedby="${described}"
          ${invalid}
        />`
      : html`<input
          id="${id}"
          name="to"
          type="text"
          autocomplete="off"
          required
          maxlength="300"
          value="${typed}"
          aria-describedby="${described}"
          ${invalid}
        />`
  const by = { method: methodName(method, speech, 'sentence') }
  const button = kind === 'phone' ? speech.say('refundBy', by) : speech.say('refundOther')
  return html`<form method="post" action="${actionOf(shown)}" class="way" novalidate>
    ${hiddenFields(shown, place)}
    <input type="hidden" name="step" value="preview" />
    <label for="${id}">${label}</label>
    ${field} ${problem && html`<p id="${id}-problem" class="problem">${problem.text}</p>`}
    <p id="${id}-hint" class="hint">${speech.say(kind === 'phone' ? 'refundPhoneHint' : 'refundWordsHint')}</p>
    <button class="button ${kind === 'words' && 'quiet'}">${button}</button>
  </form>`
}

/** Renders amount and destination, for the payer to confirm or change. */
export function renderClaimPreview(shown: Shown, to: string): Html {
  const { claim, speech, said } = shown
  const place = claim.places.find((each) => each.place === said?.place)
  const amount = showMoney(claim.refund.amount)
  const isPhone = place?.kind === 'phone'
  const hidden = hiddenFields(shown, said?.place ?? '')
  const post = (step: 'confirm' | 'change', button: Html): Html =>
    html`<form method="post" action="${actionOf(shown)}">
      ${hidden}<input type="hidden" name="to" value="${to}" /><input
        type="hidden"
        name="step"
        value="${step}"
      />${button}
    </form>`
  return html`<h2 class="ask">${speech.say('refundCheck')}</h2>
    <dl class="receipt">
      <div>
        <dt>${speech.say('amount')}</dt>
        <dd>${amount}</dd>
      </div>
      <div>
        <dt>${isPhone ? methodName(place.method, speech, 'label') : speech.say('refundWords')}</dt>
        <dd>${isPhone ? typedPhone(to) : to}</dd>
      </div>
    </dl>
    <p class="hint">${speech.say('refundOnce')}</p>
    ${post('confirm', html`<button class="button">${speech.say('refundSend', { amount })}</button>`)}
    ${post('change', html`<button class="button quiet">${speech.say('refundChange')}</button>`)}`
}
