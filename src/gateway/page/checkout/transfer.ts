import { currencyOf, formatAmount } from '#money'
import type { Attempt } from '#payments'
import { html, type Html } from '#platform/html'
import { copyRow } from './address.ts'
import { notes, otherWays } from './choose.ts'
import { headline } from './notices.ts'
import { showMoney } from '../../strings/format.ts'
import { liveTransfer, type View } from './state.ts'

/** Where to send money by hand, what to write on it, and a way to say that it was sent. */
export function transfer(view: View): Html {
  const { intent, speech } = view
  const attempt = liveTransfer(intent)
  if (!attempt) return html``
  const { address = '', code = '', amount, method } = attempt
  const merchant = intent.terms.merchantName
  return html`${notes(view)}
    <h2 class="ask" tabindex="-1" data-focus data-title>${speech.say('send', { amount: showMoney(amount) })}</h2>
    <div class="send">
      <p class="account">${address}</p>
      <dl class="receipt">
        ${copyRow(speech, { label: speech.say('amount'), text: formatAmount(amount), after: currencyOf(amount.asset) })}
        ${copyRow(speech, { label: speech.say('transferCode'), text: code })}
      </dl>
      <p class="hint" data-text>${speech.say('transferHint', { merchant })}</p>
      ${sentForm(view)}
    </div>
    ${otherWays(view, method)}`
}

function sentForm({ intent, speech }: View): Html {
  return html`<form method="post" action="/pay/${intent.id}/sent?lang=${speech.language}" class="way" data-pay>
    <label for="note">${speech.say('transferNote')} <span class="hint">(${speech.say('optional')})</span></label>
    <input type="text" id="note" name="note" maxlength="200" autocomplete="name" aria-describedby="note-hint" />
    <p id="note-hint" class="hint">${speech.say('transferNoteHint')}</p>
    <button class="button">${speech.say('transferSent')}</button>
  </form>`
}

/** The payer has said that it was sent: a person looks for it. */
export function checkingTransfer({ intent, speech, practiceUrl }: View, { code = '' }: Attempt): Html {
  const merchant = intent.terms.merchantName
  const text = speech.say('transferLookingText', { merchant, code })
  const practice = !intent.livemode && practiceUrl !== undefined
  return html`${headline({ tone: 'wait', icon: 'clock', title: speech.say('transferLooking'), text })}
  ${
    practice &&
    html`<p class="hint center">
      ${speech.say('practiceConfirm')}<br /><code>npx purser payments confirm ${code} --number TEST1</code>
    </p>`
  }`
}
