import encodeQr from 'qr'
import { qrTextOf } from '#clients/bitcoin'
import { currencyOf, formatAmount } from '#money'
import type { Attempt, Deposit } from '#payments'
import { html, Html } from '#platform/base/html'
import { renderNotices, renderOtherMethods } from './choose.ts'
import { icons } from '../layout/icons.ts'
import { renderHeadline } from './notices.ts'
import { showClock, showMoney } from '../../strings/format.ts'
import { offeredAddress, type View } from './state.ts'
import type { Speech } from '../../strings/strings.ts'

/** Renders address and amount, the money seen so far, and the other methods. */
export function renderAddress(view: View): Html {
  const { intent, speech, now } = view
  const attempt = offeredAddress(intent)
  if (!attempt?.address || !attempt.due) return html``
  const amount = showMoney(attempt.due)
  const isRest = attempt.deposits.some(({ state }) => state !== 'gone')
  return html`${renderNotices(view)} ${renderDeposits(view)}
    <h2 class="ask" tabindex="-1" data-focus data-title>${speech.say(isRest ? 'sendRest' : 'send', { amount })}</h2>
    <div class="send">
      ${attempt.paymentUri !== undefined && qrOf(attempt.paymentUri, speech)}
      <dl class="receipt">
        ${renderCopyRow(speech, { label: speech.say('amount'), text: formatAmount(attempt.due), after: currencyOf(attempt.due.asset) })}
        ${renderCopyRow(speech, { label: speech.say('address'), text: attempt.address })}
      </dl>
      ${priceLine(attempt, speech, now)}
      <p class="hint" data-text>${speech.say('sendHint')}</p>
      ${attempt.paymentUri !== undefined && walletLinks(view, attempt.paymentUri)}
      <p class="center">
        <a href="/pay/${intent.id}?lang=${speech.language}" id="check" data-check>${speech.say('checkAgain')}</a>
      </p>
    </div>
    ${renderOtherMethods(view, attempt.method)}`
}

/** Renders the panel for an expired rate, on which the payer requests a new one. */
export function renderRepricing(view: View): Html {
  const { intent, speech } = view
  const method = offeredAddress(intent)?.method ?? ''
  return html`${renderNotices(view)} ${renderDeposits(view)}
    ${renderHeadline({ tone: 'plain', icon: 'clock', title: speech.say('repricing'), text: speech.say('repricingText') })}
    <form method="post" action="/pay/${intent.id}/attempts?lang=${speech.language}" data-pay>
      <input type="hidden" name="method" value="${method}" />
      <button class="button">${speech.say('reprice')}</button>
    </form>
    ${renderOtherMethods(view, method)}`
}

/** Renders the money seen at the address, with its confirmations. */
export function renderDeposits({ intent, speech }: View): Html | undefined {
  const seen = intent.attempts.flatMap(({ deposits }) => deposits)
  if (seen.length === 0) return undefined
  return html`<ul class="arrivals">
    ${seen.slice(-MOST_SHOWN).map((deposit) => html`<li>${wordsOf(deposit, speech)}</li>`)}
  </ul>`
}

const MOST_SHOWN = 10

function wordsOf({ state, amount: money, confirmations }: Deposit, speech: Speech): string {
  const amount = showMoney(money)
  if (state === 'gone') return speech.say('gone', { amount })
  if (state === 'final') return speech.say('arrivedFinal', { amount })
  const { have = 0, need = 1 } = confirmations ?? {}
  return speech.say('seen', { amount, have: String(have), need: String(need) })
}

function walletLinks({ speech, practiceUrl, intent }: View, uri: string): Html {
  const practice = !intent.livemode && practiceUrl !== undefined
  return html`<a class="button" href="${uri}" data-wallet>${icons.coin} ${speech.say('openWallet')}</a> ${
      practice &&
      html`<p class="center">
        <a href="${practiceUrl}/bitcoin?uri=${encodeURIComponent(uri)}" target="_blank" rel="noopener"
          >${speech.say('practicePay')}</a
        >
      </p>`
    }`
}

function priceLine({ exchange }: Attempt, speech: Speech, now: Date): Html | undefined {
  if (!exchange?.lockedUntil) return undefined
  const rate = `${exchange.base}\u00A01 = ${exchange.quote}\u00A0${grouped(exchange.text)}`
  const seconds = Math.max(0, Math.ceil((exchange.lockedUntil.getTime() - now.getTime()) / 1000))
  const values = { rate, time: showClock(exchange.lockedUntil, speech) }
  return html`<p class="hint" data-stale-in="${seconds}">${speech.say('priceHolds', values)}</p>`
}

/** Formats a decimal for people, with at most two decimals: `8417500.25` → `8,417,500.25`. */
function grouped(text: string): string {
  const [whole = '', decimals = ''] = text.split('.')
  const shown = whole.length > 3 ? decimals.slice(0, 2) : decimals.slice(0, 8)
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (shown === '' ? '' : `.${shown}`)
}

/** Renders a value with a copy button. Account numbers and codes stay on one line; coin addresses do not fit on one. */
const SHORT = 24

export const renderCopyRow = (
  speech: Speech,
  { label, text, after = '', copy = text }: { label: string; text: string; after?: string; copy?: string },
): Html =>
  html`<div>
    <dt>${label}</dt>
    <dd>
      <code class="copied ${text.length <= SHORT && 'short'}">${text}</code> ${after}
      <button type="button" class="copy" data-copy="${copy}" data-done="${speech.say('copied')}" hidden>
        ${speech.say('copy')}<span class="unseen"> (${label})</span>
      </button>
    </dd>
  </div>`

/** Renders a QR code in black on white, whatever the colours of the page, with the quiet zone that scanners need. */
function qrOf(uri: string, speech: Speech): Html {
  const rows = encodeQr(qrTextOf(uri), 'raw', { ecc: 'low', border: 4 })
  const size = rows.length
  const path = rows.map((row, y) => runsOf(row, y)).join('')
  return html`<svg class="qr" role="img" aria-label="${speech.say('qr')}" viewBox="0 0 ${size} ${size}">
    <rect width="${size}" height="${size}" fill="#fff" />
    <path fill="#000" d="${new Html(path)}" />
  </svg>`
}

/** Joins adjacent modules of a row into one stroke. The SVG is a third of the size of single squares. */
function runsOf(row: readonly boolean[], y: number): string {
  let text = ''
  for (let x = 0; x < row.length; x++) {
    if (!row[x]) continue
    const start = x
    while (row[x + 1]) x++
    const width = x - start + 1
    text += `M${start} ${y}h${width}v1h-${width}z`
  }
  return text
}
