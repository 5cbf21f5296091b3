import { html, type Html } from '#platform/base/html'
import { airtelNumber, PHONES } from '../phone/phones.ts'
import { CARDS, formatCardNumber } from '../stripe/cards.ts'
import type { Assets } from '../page/assets.ts'
import { document, formatPhone } from '../page/document.ts'
import { livePart, type PhoneView } from './phone.ts'

export interface SandboxView extends PhoneView {
  /** Whether the requested phone number is invalid. */
  readonly wrongPhone: boolean
  readonly demoUrl: string | undefined
}

export function sandboxPage(assets: Assets, view: SandboxView): string {
  const head = html`<script type="module" src="${assets.script}"></script>
    <noscript><meta http-equiv="refresh" content="5" /></noscript>`
  const body = html`<header class="top">
      <h1>Phone and cards</h1>
      <p>No real money moves here. Act as the payer here: approve or decline the requests of a checkout.</p>
      ${view.demoUrl && html`<p><a class="button" href="${view.demoUrl}">Open the demo checkout</a></p>`}
      <p><a href="/sandbox/bitcoin">Bitcoin: pay an address, mine a block</a></p>
    </header>
    <main>
      <section class="hand" aria-labelledby="hand-title">
        <h2 id="hand-title">Your phone</h2>
        ${picker(view)}
        <div class="live" id="live" data-phone="${view.phone ?? ''}" aria-live="polite">${livePart(view)}</div>
      </section>
      ${cardTable()} ${phoneTable()}
    </main>`
  return document(assets, { title: 'Phone and cards', body, head })
}

const picker = ({ phone, wrongPhone }: SandboxView): Html =>
  html`<form class="picker" method="get" action="/sandbox">
    <label for="phone">Number</label>
    <input
      id="phone"
      name="phone"
      type="tel"
      inputmode="tel"
      placeholder="0712 345 678"
      value="${phone ? formatPhone(phone) : ''}"
      ${wrongPhone ? html`aria-invalid="true" aria-describedby="phone-problem"` : undefined}
    />
    <button>Show</button>
    ${wrongPhone && html`<p id="phone-problem" class="problem">A Kenyan mobile number, such as 0712 345 678.</p>`}
  </form>`

const copy = (text: string, name: string): Html =>
  html`<button type="button" class="copy" data-copy="${text}" aria-label="Copy ${name}" hidden>Copy</button>`

const phoneTable = (): Html =>
  html`<section aria-labelledby="phones-title">
    <h2 id="phones-title">Phones that answer automatically</h2>
    <p class="soft">
      Every other number waits two minutes for your answer on the phone. For Airtel Money, replace <code>25470</code> by
      <code>25473</code> (<code>${airtelNumber('254700000001')}</code>). Airtel Money cannot pay less than the amount.
    </p>
    <ul class="list">
      ${PHONES.map(
        ({ msisdn, does }) =>
          html`<li><code>${msisdn}</code><span>${does}</span>${copy(msisdn, `phone ${msisdn}`)}</li>`,
      )}
    </ul>
  </section>`

const cardTable = (): Html =>
  html`<section aria-labelledby="cards-title">
    <h2 id="cards-title">Test cards</h2>
    <p class="soft">Use any future date and any three digits.</p>
    <ul class="list">
      ${CARDS.map(
        ({ number, does }) =>
          html`<li>
            <code>${formatCardNumber(number)}</code
            ><span>${does}</span>${copy(number, `card ${formatCardNumber(number)}`)}
          </li>`,
      )}
    </ul>
  </section>`
