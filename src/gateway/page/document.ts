import type { Brand, Shop } from '#identity'
import type { Intent } from '#payments'
import { html, type Html, type HtmlPart } from '#platform/html'
import type { Assets } from './assets.ts'
import { brandStyle, merchantLine } from './brand.ts'
import { icons } from './icons.ts'
import { panel, titleOf } from './panel.ts'
import { showLeft, showMoney } from './show.ts'
import { asksForMoney, isMoving, offeredAddress, stateOf, type View } from './state.ts'
import { LANGUAGES, WORDS, type Speech } from './strings.ts'

export interface DocumentOptions {
  readonly assets: Assets
  /** Where a practice phone is, when no real money can move. */
  readonly practiceUrl: string | undefined
}

const RELOAD_SECONDS = 5
const DAY_SECONDS = 86_400
/** Amounts with more signs are written smaller, so that no number is broken over two lines. */
const LONG = 12

/** The whole checkout page. */
export function checkoutDocument(view: View, { assets, practiceUrl }: DocumentOptions): string {
  const { intent, speech } = view
  const { language } = speech
  const head = html`<noscript>${reloadIn(reloadSeconds(view), `/pay/${intent.id}?lang=${language}`)}</noscript>
    <script type="module" src="${assets.script}"></script>`
  const body = html`${!intent.livemode && practice(speech, practiceUrl)}
    <main id="checkout" class="checkout" data-pay-id="${intent.id}" data-lang="${language}">
      ${summary(view)} ${panel(view)}
    </main>
    ${footer(`/pay/${intent.id}`, speech)}
    <p id="said" class="unseen" role="status"></p>
    <p id="lost" class="lost" role="alert" hidden data-text="${speech.say('lost')}"></p>`
  return page(speech, { title: titleOf(view), assets, head, body, brand: view.brand })
}

/** A page without script shows that the time is up by loading again: when what it asks for now no longer holds. */
function reloadSeconds({ intent, now }: View): number | undefined {
  const state = stateOf(intent, now)
  if (isMoving(state)) return RELOAD_SECONDS
  if (!asksForMoney(state)) return undefined
  const lock = state === 'address' ? offeredAddress(intent)?.exchange?.lockedUntil : undefined
  const end = lock && lock < intent.expiresAt ? lock : intent.expiresAt
  return secondsUntil(end, now)
}

/** Whole seconds after which a time is past. */
export const secondsUntil = (end: Date, now: Date): number => Math.ceil((end.getTime() - now.getTime()) / 1000) + 1

/** Browsers take no longer wait (a signed 32-bit number of milliseconds). */
const LONGEST_WAIT_SECONDS = 2_000_000

/** Loads the page again after so long; nothing where there is nothing to wait for. */
export const reloadIn = (seconds: number | undefined, url: string): Html | undefined =>
  seconds === undefined || seconds > LONGEST_WAIT_SECONDS
    ? undefined
    : html`<meta http-equiv="refresh" content="${seconds};url=${url}" />`

interface Ask {
  readonly assets: Assets
  readonly title: string
  readonly merchant: Pick<Shop, 'name' | 'livemode' | 'brand'>
  readonly practiceUrl: string | undefined
  /** Of this page, for the choice of languages. */
  readonly path: string
  readonly about?: string | undefined
  readonly head?: Html | undefined
  readonly body: Html
}

/** A page that asks what to pay, in the dress of the checkout page. */
export function askDocument(speech: Speech, ask: Ask): string {
  const { assets, title, merchant, practiceUrl, path, about, head, body: form } = ask
  const body = html`${!merchant.livemode && practice(speech, practiceUrl)}
    <main class="checkout asking">
      <header class="summary">
        ${merchantLine(merchant.name, merchant.brand)}
        <h1 class="title">${title}</h1>
        ${about && html`<p class="about">${about}</p>`}
      </header>
      <div class="panel">${form}</div>
    </main>
    ${footer(path, speech)}`
  return page(speech, { title, assets, ...(head && { head }), body, brand: merchant.brand })
}

function summary({ intent, speech, now, brand }: View): Html {
  const merchant = intent.terms.merchantName
  const amount = showMoney(intent.amount)
  return html`<header class="summary">
    ${merchantLine(merchant, brand)}
    <h1 class="${amount.length > LONG && 'long'}">
      <span class="unseen">${speech.say('payTo', { merchant })}: </span>${amount}
    </h1>
    ${intent.description && html`<p class="about">${intent.description}</p>`}
    ${intent.reference && html`<p class="small">${speech.say('reference')}: ${intent.reference}</p>`}
    ${countdown(intent, speech, now)}
  </header>`
}

/** Ticks by the script; right without it too. A payer with more than a day needs no clock. */
function countdown({ expiresAt, status }: Intent, speech: Speech, now: Date): Html | undefined {
  const seconds = Math.floor((expiresAt.getTime() - now.getTime()) / 1000)
  if ((status !== 'open' && status !== 'processing') || seconds <= 0 || seconds > DAY_SECONDS) return undefined
  return html`<p class="small countdown" role="timer">
    ${speech.say('timeLeft')}: <span class="left">${showLeft(seconds, speech)}</span>
  </p>`
}

export const practice = (speech: Speech, url: string | undefined): Html =>
  html`<aside class="practice">
    ${speech.say('practice')}
    ${url && html`<a href="${url}" target="_blank" rel="noopener">${speech.say('practicePhone')}</a>`}
  </aside>`

export function footer(path: string, speech: Speech): Html {
  const links = LANGUAGES.map((language) =>
    language === speech.language
      ? html`<span lang="${language}" aria-current="true">${WORDS[language].name}</span>`
      : html`<a
          href="${path}${path.includes('?') ? '&' : '?'}lang=${language}"
          lang="${language}"
          hreflang="${language}"
          >${WORDS[language].name}</a
        >`,
  )
  return html`<footer><nav aria-label="Language / Lugha">${links}</nav></footer>`
}

export interface Message {
  readonly icon: 'search' | 'alert' | 'clock' | 'tick'
  readonly title: string
  readonly text: HtmlPart
}

/** A page that says one thing: no such payment, a fault of ours. */
export function messageDocument(speech: Speech, { icon, title, text }: Message, assets: Assets): string {
  const body = html`<main class="message">
    <div class="state">
      <div class="mark">${icons[icon]}</div>
      <h1>${title}</h1>
      <p>${text}</p>
    </div>
  </main>`
  return plainPage(speech, title, assets, body)
}

/** Any other page, in the same dress. */
export const plainPage = (speech: Speech, title: string, assets: Assets, body: Html, brand?: Brand): string =>
  page(speech, { title, assets, body, brand })

/** A coin, so that the tab is found among others. */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" fill="#0b6b4f"/><path d="M12 24V8h5.5a4.8 4.8 0 0 1 0 9.6H12" fill="none" stroke="#fff" stroke-width="3"/></svg>',
)}`

interface Parts {
  readonly title: string
  readonly assets: Assets
  readonly head?: Html
  readonly brand?: Brand | undefined
  readonly body: Html
}

function page(speech: Speech, { title, assets, head, body, brand }: Parts): string {
  return html`<!doctype html>
    <html lang="${speech.language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="${ICON}" />
        <link rel="stylesheet" href="${assets.style}" />
        ${brandStyle(brand)} ${head}
      </head>
      <body>
        ${body}
      </body>
    </html>`.text
}
