import { money } from '#money'
import type { Intent, Receipt } from '#payments'
import { html, type Html } from '#platform/base/html'
import { renderNotice, renderBackLink, renderHeadline, renderOpenPageWarning } from './notices.ts'
import { methodName, showMoney, showPhone, showTime } from '../../strings/format.ts'
import { livePush, type View } from './state.ts'
import type { Speech } from '../../strings/strings.ts'

type Row = readonly [label: string, value: string | undefined]

/** Renders a paid payment with its receipt. */
export function renderPaid({ intent, speech }: View): Html {
  const merchant = intent.terms.merchantName
  const amount = showMoney(intent.received)
  const prompt = livePush(intent)
  const stillText = speech.sayHtml('stillPromptedText', { phone: showPhone(prompt?.phone, speech) })
  const extra = showMoney(money(intent.amount.asset, intent.received.amount - intent.amount.amount))
  return html`${renderHeadline({
      tone: 'good',
      icon: 'tick',
      title: speech.say('paid'),
      text: speech.sayHtml('paidText', { merchant, amount: html`<b>${amount}</b>` }),
    })}
    ${
      intent.flags.overpaid &&
      renderNotice({
        tone: 'info',
        title: speech.say('overpaid', { extra }),
        text: speech.say('overpaidText', { merchant }),
      })
    }
    ${prompt && renderNotice({ tone: 'warn', title: speech.say('stillPrompted'), text: stillText })}
    ${renderOpenPageWarning({ intent, speech })} ${renderReceiptList(intent, speech)}
    <p class="actions">
      ${intent.returnUrl && renderBackLink(intent.returnUrl, speech.say('back', { merchant }))}
      <a class="button quiet" href="/pay/${intent.id}/receipt.pdf?lang=${speech.language}"
        >${speech.say('receiptFile')}</a
      >
      <button type="button" class="button quiet" data-print hidden>${speech.say('print')}</button>
    </p>`
}

/** Renders the receipt as a description list. */
export const renderReceiptList = (intent: Intent, speech: Speech): Html =>
  html`<dl class="receipt" aria-label="${speech.say('receipt')}">
    ${listReceiptRows(intent, speech).map(
      ([label, value]) =>
        value &&
        html`<div>
          <dt>${label}</dt>
          <dd><bdi>${value}</bdi></dd>
        </div>`,
    )}
  </dl>`

export function listReceiptRows(intent: Intent, speech: Speech): readonly Row[] {
  const { receipts, refunded } = intent
  return [
    ...receipts.flatMap((receipt) => rowsOfReceipt(receipt, intent, speech)),
    [speech.say('refunded'), refunded.amount > 0n ? showMoney(refunded) : undefined],
    [speech.say('reference'), intent.reference],
    [speech.say('paymentId'), intent.id],
  ]
}

function rowsOfReceipt(receipt: Receipt, { receipts, attempts, amount }: Intent, speech: Speech): readonly Row[] {
  const method = attempts.find(({ id }) => id === receipt.attemptId)?.method
  return [
    [
      speech.say('amount'),
      receipts.length > 1 || receipt.gross.asset !== amount.asset ? showMoney(receipt.gross) : undefined,
    ],
    [speech.say('method'), method && methodName(method, speech, 'label')],
    [speech.say('receiptNumber'), receipt.number],
    [speech.say('paidAt'), showTime(receipt.at, speech)],
  ]
}
