import { currencyOf, formatAmount } from '#money'
import type { Attempt } from '#payments'
import { html, type Html } from '#platform/base/html'
import { renderCopyRow } from './address.ts'
import { renderNotices, renderOtherMethods } from './choose.ts'
import { renderHeadline } from './notices.ts'
import { showMoney, showTime } from '../../strings/format.ts'
import { liveTransfer, type View } from './state.ts'

/** Renders the instructions of a manual transfer, its payment code, and the form to report it as sent. */
export function renderTransfer(view: View): Html {
  const { intent, speech } = view
  const attempt = liveTransfer(intent)
  if (!attempt) return html``
  const title = speech.say('send', { amount: showMoney(attempt.amount) })
  return html`${renderNotices(view)}
    <h2 class="ask" tabindex="-1" data-focus data-title>${title}</h2>
    <div class="send">
      ${renderDetails(view, attempt)} ${renderSteps(view, attempt)}
      <p class="hint">${speech.say('transferUntil', { time: showTime(attempt.endsAt ?? intent.expiresAt, speech) })}</p>
      ${renderSentForm(view)}
    </div>
    ${renderOtherMethods(view, attempt.method)}`
}

/** Renders account, amount and payment code, each number with a copy button. */
function renderDetails({ speech }: View, { address = '', code = '', amount }: Attempt): Html {
  const lines = address.split('\n').map(readLine)
  const plain = lines.filter(({ value }) => value === undefined).map(({ label }) => label)
  const after = currencyOf(amount.asset)
  return html`${plain.length > 0 && html`<p class="account">${plain.join('\n')}</p>`}
    <dl class="receipt">
      ${lines.map(
        ({ label, value }) =>
          value !== undefined && renderCopyRow(speech, { label, text: value, copy: value.replaceAll(/[ -]/g, '') }),
      )}
      ${renderCopyRow(speech, { label: speech.say('amount'), text: formatAmount(amount), after })}
      ${renderCopyRow(speech, { label: speech.say('transferCode'), text: code })}
    </dl>`
}

/** Splits a line of the operator's instructions that ends in an account number or IBAN: `Account 0100 200 300`. */
function readLine(text: string): { label: string; value?: string } {
  const line = text.trim()
  const [, label, value] = /^(.+?)[:\s]\s*([A-Z]{2}\d{2}[A-Z\d ]{8,}|\d[\d -]{3,}\d)$/.exec(line) ?? []
  return label === undefined || value === undefined ? { label: line } : { label, value }
}

/** Renders the steps at the bank and in the M-Pesa menu, each where the operator’s instructions name it. */
function renderSteps(
  { manualMpesa, speech, intent }: View,
  { code = '', address = '' }: Attempt,
): readonly (Html | undefined)[] {
  const merchant = intent.terms.merchantName
  const isBank = address.split('\n').some((line) => !MPESA_LINE.test(line))
  const bank = isBank ? html`<p class="hint" data-text>${speech.say('transferHint', { merchant })}</p>` : undefined
  if (!manualMpesa) return [bank]
  const { number, kind, account = code } = manualMpesa
  const menu = speech.say(kind === 'till' ? 'manualTill' : 'manualPaybill', { number, account, merchant })
  // A till payment carries no payment code: the operator finds it by the code in the payer's M-Pesa message.
  const withoutCode = kind === 'till' || manualMpesa.account !== undefined
  return [bank, html`<p class="hint" data-text>${menu} ${withoutCode && speech.say('manualMessage', { merchant })}</p>`]
}

/** Matches the lines of the instructions that are about M-Pesa. */
const MPESA_LINE = /^(M-Pesa (till|pay bill)|Account number): /

function renderSentForm({ intent, speech }: View): Html {
  return html`<form method="post" action="/pay/${intent.id}/sent?lang=${speech.language}" class="way" data-pay>
    <label for="note">${speech.say('transferNote')} <span class="hint">(${speech.say('optional')})</span></label>
    <input type="text" id="note" name="note" maxlength="200" autocomplete="name" aria-describedby="note-hint" />
    <p id="note-hint" class="hint">${speech.say('transferNoteHint')}</p>
    <button class="button">${speech.say('transferSent')}</button>
  </form>`
}

/** Renders a transfer that the payer reported as sent and an operator checks. The details stay visible for comparison. */
export function renderSentTransfer(view: View, attempt: Attempt): Html {
  const { intent, speech, practiceUrl } = view
  const { code = '' } = attempt
  const merchant = intent.terms.merchantName
  const text = speech.say('transferLookingText', { merchant, code })
  const practice = !intent.livemode && practiceUrl !== undefined
  return html`${renderHeadline({ tone: 'wait', icon: 'clock', title: speech.say('transferLooking'), text })}
    ${
      practice &&
      html`<p class="hint center">
        ${speech.say('practiceConfirm')}<br /><code>npx purser payments confirm ${code} --number TEST1</code>
      </p>`
    }
    <div class="send">
      <p class="hint">${speech.say('transferSentDetails')}</p>
      ${renderDetails(view, attempt)}
    </div>`
}
