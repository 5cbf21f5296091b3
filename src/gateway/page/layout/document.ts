import type { Brand, Shop } from '#identity'
import { html, type Html, type HtmlPart } from '#platform/base/html'
import type { Assets } from '../assets/assets.ts'
import { renderBrandStyle, renderMerchantLine } from '../brand/brand.ts'
import { icons } from './icons.ts'
import { LANGUAGES, WORDS, type Speech } from '../../strings/strings.ts'

/** Returns the whole seconds after which a time is certainly past. */
export const secondsUntil = (end: Date, now: Date): number => Math.ceil((end.getTime() - now.getTime()) / 1000) + 1

/** Maximum wait in browsers: a signed 32-bit number of milliseconds. */
const LONGEST_WAIT_SECONDS = 2_000_000

/** Renders a meta tag that reloads the page after `seconds`; undefined without a wait. */
export const renderReload = (seconds: number | undefined, url: string): Html | undefined =>
  seconds === undefined || seconds > LONGEST_WAIT_SECONDS
    ? undefined
    : html`<meta http-equiv="refresh" content="${seconds};url=${url}" />`

interface FormPage {
  readonly assets: Assets
  readonly title: string
  readonly merchant: Pick<Shop, 'name' | 'livemode' | 'brand'>
  readonly practiceUrl: string | undefined
  /** Path of this page, for the language links. */
  readonly path: string
  readonly about?: string | undefined
  readonly head?: Html | undefined
  readonly body: Html
}

/** Renders a page with a form, in the design of the checkout page. */
export function renderFormPage(speech: Speech, ask: FormPage): string {
  const { assets, title, merchant, practiceUrl, path, about, head, body: form } = ask
  const body = html`${!merchant.livemode && renderPracticeNotice(speech, practiceUrl)}
    <main class="checkout asking">
      <header class="summary">
        ${renderMerchantLine(merchant.name, merchant.brand)}
        <h1 class="title">${title}</h1>
        ${about && html`<p class="about" dir="auto">${about}</p>`}
      </header>
      <div class="panel">${form}</div>
    </main>
    ${renderFooter(path, speech)}`
  return renderShell(speech, { title, assets, ...(head && { head }), body, brand: merchant.brand })
}

export const renderPracticeNotice = (speech: Speech, url: string | undefined): Html =>
  html`<aside class="practice">
    ${speech.say('practice')}
    ${url && html`<a href="${url}" target="_blank" rel="noopener">${speech.say('practicePhone')}</a>`}
  </aside>`

export function renderFooter(path: string, speech: Speech): Html {
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

/** Renders a page with one message, such as an unknown payment or a server error. */
export function renderMessagePage(speech: Speech, { icon, title, text }: Message, assets: Assets): string {
  const body = html`<main class="message">
    <div class="state">
      <div class="mark">${icons[icon]}</div>
      <h1>${title}</h1>
      <p>${text}</p>
    </div>
  </main>`
  return renderPlainPage(speech, title, assets, body)
}

/** Renders any other page in the same design. */
export const renderPlainPage = (speech: Speech, title: string, assets: Assets, body: Html, brand?: Brand): string =>
  renderShell(speech, { title, assets, body, brand })

/** Favicon: a coin. */
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

/** Renders the HTML shell of a page. */
export function renderShell(speech: Speech, { title, assets, head, body, brand }: Parts): string {
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
        ${renderBrandStyle(brand)} ${head}
      </head>
      <body>
        ${body}
      </body>
    </html>`.text
}
