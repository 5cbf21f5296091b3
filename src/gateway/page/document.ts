import type { Intent } from '#payments'
import { html, type Html } from '#platform/html'
import type { Assets } from './assets.ts'
import { LANGUAGES, speak, type Speech } from './strings.ts'
import { isMoving, panel, showMoney, type View } from './view.ts'

export interface DocumentOptions {
  readonly assets: Assets
  /** Where a practice phone is, when no real money can move. */
  readonly practiceUrl: string | undefined
}

/** The whole checkout page. */
export function checkoutDocument(view: View, options: DocumentOptions): string {
  const { intent, speech } = view
  const merchant = intent.terms.merchantName
  const moving = isMoving(intent)
  const head = html`${moving && html`<noscript><meta http-equiv="refresh" content="4" /></noscript>`}
    <script type="module" src="${options.assets.script}"></script>`
  const body = html`${!intent.livemode && practice(speech, options.practiceUrl)}
    <main id="checkout" data-pay-id="${intent.id}" data-lang="${speech.language}">
      <header>
        <p class="merchant">${speech.say('payTo', { merchant })}</p>
        <h1>${showMoney(intent.amount)}</h1>
        ${intent.description && html`<p class="what">${intent.description}</p>`}
        ${intent.reference && html`<p class="reference">${speech.say('reference')} ${intent.reference}</p>`}
        ${countdown(intent, speech)}
      </header>
      ${panel(view)}
    </main>
    ${footer(intent.id, speech)}`
  return page(speech, `${speech.say('payTo', { merchant })} · ${showMoney(intent.amount)}`, options.assets, head, body)
}

/** A page that says one thing: no such payment, a fault of ours. */
export function messageDocument(speech: Speech, title: string, text: string, assets: Assets): string {
  const body = html`<main>
    <div class="state bad">
      <h1>${title}</h1>
      <p>${text}</p>
    </div>
  </main>`
  return plainPage(speech, title, assets, body)
}

/** Any other page, in the same dress. */
export const plainPage = (speech: Speech, title: string, assets: Assets, body: Html): string =>
  page(speech, title, assets, undefined, body)

function page(speech: Speech, title: string, assets: Assets, head: Html | undefined, body: Html): string {
  return html`<!doctype html>
    <html lang="${speech.language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="${assets.style}" />
        ${head}
      </head>
      <body>
        ${body}
      </body>
    </html>`.text
}

const practice = (speech: Speech, url: string | undefined): Html =>
  html`<p class="practice" role="note">
    ${speech.say('testMode')}
    ${url && html`<a href="${url}" target="_blank" rel="noopener">${speech.say('practicePhone')}</a>`}
  </p>`

function countdown({ expiresAt, status }: Intent, speech: Speech): Html | undefined {
  if (status !== 'open' && status !== 'processing') return undefined
  const iso = expiresAt.toISOString()
  return html`<p class="countdown" data-countdown hidden>
    ${speech.say('timeLeft')} <time datetime="${iso}" data-expires="${iso}"></time>
  </p>`
}

function footer(id: string, speech: Speech): Html {
  const links = LANGUAGES.map((language) =>
    language === speech.language
      ? html`<span aria-current="true">${speak(language).say('name')}</span>`
      : html`<a href="/pay/${id}?lang=${language}" lang="${language}" hreflang="${language}"
          >${speak(language).say('name')}</a
        >`,
  )
  return html`<footer><nav aria-label="Language / Lugha">${links}</nav></footer>`
}
