import type { Intent } from '#payments'
import { html, type Html } from '#platform/base/html'
import { showTimeLeft, showMoney } from '../../strings/format.ts'
import type { Speech } from '../../strings/strings.ts'
import type { Assets } from '../assets/assets.ts'
import { renderMerchantLine } from '../brand/brand.ts'
import { renderFooter, renderShell, renderPracticeNotice, renderReload, secondsUntil } from '../layout/document.ts'
import { renderPanel, titleOf } from './panel.ts'
import { asksForMoney, isMoving, offeredAddress, stateOf, type View } from './state.ts'

export interface DocumentOptions {
  readonly assets: Assets
  /** URL of the practice phone in sandbox mode. */
  readonly practiceUrl: string | undefined
}

const RELOAD_SECONDS = 5
const DAY_SECONDS = 86_400
/** Amounts with more characters use a smaller font, so that no number breaks over two lines. */
const LONG = 12

/** Renders the checkout page. */
export function renderCheckout(view: View, { assets, practiceUrl }: DocumentOptions): string {
  const { intent, speech } = view
  const { language } = speech
  const head = html`<noscript>${renderReload(reloadSeconds(view), `/pay/${intent.id}?lang=${language}`)}</noscript>
    <script type="module" src="${assets.script}"></script>`
  const body = html`${!intent.livemode && renderPracticeNotice(speech, practiceUrl)}
    <main id="checkout" class="checkout" data-pay-id="${intent.id}" data-lang="${language}">
      ${renderSummary(view)} ${renderPanel(view)}
    </main>
    ${renderFooter(`/pay/${intent.id}`, speech)}
    <p id="said" class="unseen" role="status"></p>
    <p id="lost" class="lost" role="alert" hidden data-text="${speech.say('lost')}"></p>`
  return renderShell(speech, { title: titleOf(view), assets, head, body, brand: view.brand })
}

/** Returns the reload delay for a page without script: a few seconds while the status changes, else until payment or rate expires. */
function reloadSeconds({ intent, now }: View): number | undefined {
  const state = stateOf(intent, now)
  if (isMoving(state)) return RELOAD_SECONDS
  if (!asksForMoney(state)) return undefined
  const lock = state === 'address' ? offeredAddress(intent)?.exchange?.lockedUntil : undefined
  const end = lock && lock < intent.expiresAt ? lock : intent.expiresAt
  return secondsUntil(end, now)
}

function renderSummary({ intent, speech, now, brand }: View): Html {
  const merchant = intent.terms.merchantName
  const amount = showMoney(intent.amount)
  return html`<header class="summary">
    ${renderMerchantLine(merchant, brand)}
    <h1 class="${amount.length > LONG && 'long'}">
      <span class="unseen">${speech.say('payTo', { merchant })}: </span>${amount}
    </h1>
    ${intent.description && html`<p class="about" dir="auto">${intent.description}</p>`}
    ${intent.reference && html`<p class="small">${speech.say('reference')}: <bdi>${intent.reference}</bdi></p>`}
    ${renderCountdown(intent, speech, now)}
  </header>`
}

/** Renders the time left. The script updates it, and it is also correct without script. Above one day it is not shown. */
function renderCountdown({ expiresAt, status }: Intent, speech: Speech, now: Date): Html | undefined {
  const seconds = Math.floor((expiresAt.getTime() - now.getTime()) / 1000)
  if ((status !== 'open' && status !== 'processing') || seconds <= 0 || seconds > DAY_SECONDS) return undefined
  return html`<p class="small countdown" role="timer">
    ${speech.say('timeLeft')}: <span class="left">${showTimeLeft(seconds, speech)}</span>
  </p>`
}
