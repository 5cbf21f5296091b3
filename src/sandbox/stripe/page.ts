import { html, type Html } from '#platform/base/html'
import type { Assets } from '../page/assets.ts'
import { document } from '../page/document.ts'
import { CARDS, formatCardNumber } from './cards.ts'
import { decimalsOf } from './currency.ts'
import type { Session } from './sessions.ts'

/** `KES 1,500.00` */
function formatPrice({ amount_total: total, currency }: Session): string {
  const decimals = decimalsOf(currency)
  const digits = String(total).padStart(decimals + 1, '0')
  const grouped = digits.slice(0, digits.length - decimals).replaceAll(/\B(?=(\d{3})+$)/g, ',')
  return `${currency.toUpperCase()} ${grouped}${decimals === 0 ? '' : `.${digits.slice(-decimals)}`}`
}

export interface CardForm {
  readonly session: Session
  readonly productName: string
  /** Why the last attempt failed. */
  readonly problem?: string
  /** Values that the payer entered before. */
  readonly typed?: { readonly number?: string | undefined; readonly name?: string | undefined }
}

export function cardPage(assets: Assets, { session, productName, problem, typed }: CardForm): string {
  const cancel = session.cancel_url
  const body = html`<main class="card-page">
    <p class="sim">Simulated card page</p>
    <h1>${formatPrice(session)}</h1>
    <p class="soft">${productName}</p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <form method="post" action="/sandbox/stripe/pay/${session.id}">
      <label for="number">Card number</label>
      <input
        id="number"
        name="number"
        inputmode="numeric"
        autocomplete="off"
        required
        placeholder="4242 4242 4242 4242"
        value="${typed?.number ?? ''}"
        list="cards"
      />
      <datalist id="cards">
        ${CARDS.map(({ number, does }) => html`<option value="${formatCardNumber(number)}">${does}</option>`)}
      </datalist>
      <div class="pair">
        <div>
          <label for="expiry">Expires</label>
          <input id="expiry" name="expiry" inputmode="numeric" autocomplete="off" required placeholder="12 / 34" />
        </div>
        <div>
          <label for="cvc">Security code</label>
          <input id="cvc" name="cvc" inputmode="numeric" autocomplete="off" required placeholder="123" />
        </div>
      </div>
      <label for="name">Name on card</label>
      <input id="name" name="name" autocomplete="off" value="${typed?.name ?? ''}" placeholder="Any name" />
      <button class="approve">Pay ${formatPrice(session)}</button>
    </form>
    ${cancel !== null && html`<p><a href="${cancel}">Back without paying</a></p>`}
    <details>
      <summary>Test cards</summary>
      <ul class="list">
        ${CARDS.map(({ number, does }) => html`<li><code>${formatCardNumber(number)}</code><span>${does}</span></li>`)}
      </ul>
    </details>
  </main>`
  return document(assets, { title: `Pay ${formatPrice(session)}`, body })
}

/** The bank's 3-D Secure challenge. */
export function challengePage(assets: Assets, session: Session): string {
  const body = html`<main class="card-page">
    <p class="sim">Simulated bank</p>
    <h1>Confirm your payment</h1>
    <p>Your bank asks whether you are paying <strong>${formatPrice(session)}</strong> now (3-D Secure).</p>
    <form method="post" action="/sandbox/stripe/pay/${session.id}/challenge">
      <button class="approve" name="answer" value="approve">Complete authentication</button>
      <button class="decline" name="answer" value="fail">Fail authentication</button>
    </form>
  </main>`
  return document(assets, { title: 'Confirm your payment', body })
}

/** Returns the payer to the merchant. Uses a meta refresh, because browsers restrict the redirect after a form post to this page's own origin. */
export function donePage(assets: Assets, session: Session): string {
  const url = session.success_url.replaceAll('{CHECKOUT_SESSION_ID}', session.id)
  const head = html`<meta http-equiv="refresh" content="0;url=${url}" />`
  const text = html`<p>Returning to the merchant …</p>
    <p><a class="button" href="${url}">Continue</a></p>`
  return document(assets, { title: 'Paid', head, body: notice('Paid', text) })
}

export const expiredPage = (assets: Assets, session: Session | undefined): string => {
  const back = session?.cancel_url
  const text = html`<p>This card page has expired or does not exist. Nothing was charged.</p>
    ${back != null && html`<p><a class="button" href="${back}">Back</a></p>`}`
  return document(assets, { title: 'Card page expired', body: notice('This page has expired', text) })
}

const notice = (title: string, text: Html): Html =>
  html`<main class="card-page">
    <h1>${title}</h1>
    ${text}
  </main>`
