import { html, type Html } from '#platform/base/html'
import type { Assets } from '../page/assets.ts'
import { document } from '../page/document.ts'
import { formatCardNumber } from '../stripe/cards.ts'
import type { Order, Payment } from './orders.ts'

export const CARDS: readonly { readonly number: string; readonly does: string; readonly payment: Payment }[] = [
  { number: '4242424242424242', does: 'Pays', payment: 'pays' },
  {
    number: '4000000000000002',
    does: 'Is declined',
    payment: { declined: 'card-declined', says: 'Your card was declined.' },
  },
  {
    number: '4000000000009995',
    does: 'Has insufficient funds',
    payment: { declined: 'insufficient-funds', says: 'Your card has insufficient funds.' },
  },
  {
    number: '4000000000000341',
    does: 'Pays, but delivery fails and Crossmint refunds the money',
    payment: 'pays-undeliverable',
  },
]

/** Wallets with and without stablecoins. */
export const WALLETS: Readonly<Record<string, { readonly label: string; readonly payment: Payment }>> = {
  full: { label: 'Pay with USDC', payment: 'pays' },
  empty: { label: 'Pay from an empty wallet', payment: 'empty-wallet' },
}

export interface CheckoutView {
  readonly order: Order
  /** URL of this page, including its secret. */
  readonly action: string
  readonly back: string | undefined
  readonly problem?: string | undefined
  readonly typed?: string | undefined
}

const formatPrice = ({ quote }: Order): string => `USD ${quote.totalPrice.amount}`

export function checkoutPage(assets: Assets, { order, action, back, problem, typed }: CheckoutView): string {
  const body = html`<main class="card-page">
    <p class="sim">Simulated Crossmint page</p>
    <h1>${formatPrice(order)}</h1>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <form method="post" action="${action}">
      <label for="number">Card number</label>
      <input
        id="number"
        name="number"
        inputmode="numeric"
        autocomplete="off"
        placeholder="4242 4242 4242 4242"
        value="${typed ?? ''}"
        list="cards"
      />
      <datalist id="cards">
        ${CARDS.map(({ number, does }) => html`<option value="${formatCardNumber(number)}">${does}</option>`)}
      </datalist>
      <button class="approve">Pay ${formatPrice(order)} by card</button>
    </form>
    <form method="post" action="${action}">
      ${Object.entries(WALLETS).map(([name, { label }]) => html`<button name="wallet" value="${name}">${label}</button>`)}
    </form>
    ${back && html`<p><a href="${back}">Back without paying</a></p>`}
    <details>
      <summary>Test cards</summary>
      <ul class="list">
        ${CARDS.map(({ number, does }) => html`<li><code>${formatCardNumber(number)}</code><span>${does}</span></li>`)}
      </ul>
    </details>
  </main>`
  return document(assets, { title: `Pay ${formatPrice(order)}`, body })
}

/** Returns the payer to the merchant. Uses a meta refresh, because browsers restrict the redirect after a form post to this page's own origin. */
export function donePage(assets: Assets, back: string | undefined): string {
  const head = back === undefined ? html`` : html`<meta http-equiv="refresh" content="0;url=${back}" />`
  const text: Html =
    back === undefined
      ? html`<p>You may close this page.</p>`
      : html`<p><a class="button" href="${back}">Continue</a></p>`
  return document(assets, { title: 'Paid', head, body: notice('Paid', text) })
}

export const absentPage = (assets: Assets): string =>
  document(assets, {
    title: 'Order not found',
    body: notice('Order not found', html`<p>The link is incomplete, or the order does not exist.</p>`),
  })

const notice = (title: string, text: Html): Html =>
  html`<main class="card-page">
    <h1>${title}</h1>
    ${text}
  </main>`
