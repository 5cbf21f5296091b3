import { html, type Html } from '#platform/base/html'
import { RESULTS } from '../phone/phones.ts'
import type { Prompt } from '../phone/store.ts'
import { shillings, formatPhone } from '../page/document.ts'

export interface PhoneView {
  /** Number of the displayed phone. Undefined when none is chosen and no prompt waits. */
  readonly phone: string | undefined
  /** Waiting prompts of all numbers, newest first. */
  readonly waiting: readonly Prompt[]
  /** Last decided prompt of the displayed phone. */
  readonly last: Prompt | undefined
  readonly now: Date
  /** Returns the network's title as the phone shows it. */
  readonly titleOf: (prompt: Prompt) => string
}

/** Renders the phone and the list of prompts, the part of the page that refreshes. */
export function livePart(view: PhoneView): Html {
  const prompt = view.waiting.find(({ phone }) => phone === view.phone)
  return html`<div class="phone" role="group" aria-label="Phone ${view.phone ? formatPhone(view.phone) : ''}">
      <div class="screen">
        <p class="status">
          <span>${view.phone ? formatPhone(view.phone) : 'No number'}</span><span>${timeOf(view.now)}</span>
        </p>
        ${prompt ? promptCard(prompt, view) : idleScreen(view)}
      </div>
    </div>
    <div class="waiting">
      <h2 id="waiting-title">Waiting prompts</h2>
      ${
        view.waiting.length === 0
          ? html`<p class="soft">
              None. Pay by phone at a checkout with a number that is not in the list of phones that answer
              automatically.
            </p>`
          : html`<ul aria-labelledby="waiting-title">
              ${view.waiting.map((each) => waitingRow(each, each === prompt))}
            </ul>`
      }
    </div>`
}

const timeOf = (at: Date): string =>
  at.toLocaleTimeString('en-GB', { timeZone: 'Africa/Nairobi', hour: '2-digit', minute: '2-digit' })

function promptCard(prompt: Prompt, { now, titleOf }: PhoneView): Html {
  const { phone, id, askedShillings, accountReference, description } = prompt
  const seconds = Math.max(0, Math.round((prompt.endsAt.getTime() - now.getTime()) / 1000))
  const action = (name: string, label: string): Html =>
    html`<button class="${name}" formaction="/sandbox/phone/${phone}/${name}">${label}</button>`
  return html`<form class="prompt" method="post" data-prompt="${id}">
    <input type="hidden" name="prompt" value="${id}" />
    <p class="sim">${titleOf(prompt)}</p>
    <p class="ask">
      Do you want to pay <strong>${shillings(askedShillings)}</strong> to <strong>${accountReference}</strong>?
    </p>
    <p class="soft">${description}</p>
    ${action('approve', 'Approve')} ${action('decline', 'Decline')} ${action('ignore', 'Ignore')}
    <p class="soft small">Expires in <span data-seconds="${seconds}">${seconds} s</span></p>
  </form>`
}

function idleScreen({ phone, last }: PhoneView): Html {
  if (!last) {
    return html`<div class="idle">
      <p class="glyph none" aria-hidden="true"></p>
      <p>${phone ? 'No prompt yet.' : 'Prompts appear here.'}</p>
      <p class="soft">Start a payment by M-Pesa or Airtel Money, and the prompt appears here.</p>
    </div>`
  }
  const paid = last.resultCode === '0'
  return html`<div class="idle">
    <p class="glyph ${paid ? 'good' : 'bad'}" aria-hidden="true">${paid ? '✓' : '✕'}</p>
    <p role="status">
      ${
        paid
          ? html`${last.receiptNumber ?? ''} Confirmed. ${shillings(last.paidShillings ?? 0n)} paid to
            ${last.accountReference}.`
          : html`${shillings(last.askedShillings)} to ${last.accountReference}: ${RESULTS[last.resultCode ?? ''] ?? ''}`
      }
    </p>
  </div>`
}

const waitingRow = (prompt: Prompt, shown: boolean): Html =>
  html`<li>
    <a href="/sandbox?phone=${prompt.phone}" ${shown && html`aria-current="true"`}>
      <span class="number">${formatPhone(prompt.phone)}</span>
      <span class="soft">${prompt.accountReference}</span>
      <strong>${shillings(prompt.askedShillings)}</strong>
    </a>
  </li>`
