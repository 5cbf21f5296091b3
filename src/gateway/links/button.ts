import { currencyOf, money } from '#money'
import { html } from '#platform/base/html'
import type { LinkRow } from './store.ts'
import { shadesOf } from '../colour.ts'
import { showMoney } from '../strings/format.ts'
import type { Speech } from '../strings/strings.ts'

/** HTML of a payment link for third-party pages. It works without scripts and without the style sheet. */
export interface Button {
  /** A form with a button. It has an amount field if the payer enters the amount. */
  readonly form: string
  /** The same as an HTML link, for e-mails and editors that do not accept forms. */
  readonly link: string
  /** Optional style sheet for both, once per page. */
  readonly style: string
}

export function renderButton(row: LinkRow, url: string, speech: Speech): Button {
  const { asset, amount, description } = row
  const words =
    amount === null ? speech.say('pay') : speech.say('payAmount', { amount: showMoney(money(asset, amount)) })
  const href = escaped(url)
  const text = escaped(words)
  const label = description ? escaped(`${words}: ${description}`) : text
  // One line each, because some editors keep line breaks of pasted HTML.
  const button = `<button type="submit" class="purser-button" aria-label="${label}">${text}</button>`
  return {
    form: `<form action="${href}" method="get" class="purser-form">${amount === null ? field(row, speech) : ''}${button}</form>`,
    link: `<a href="${href}" class="purser-button" aria-label="${label}">${text}</a>`,
    style: `<link rel="stylesheet" href="${href}/button.css">`,
  }
}

const escaped = (text: string): string => html`${text}`.text

function field(row: LinkRow, speech: Speech): string {
  const hint = describeBounds(row, speech)
  const label = escaped(speech.say('amountIn', { currency: currencyOf(row.asset) }))
  const bounds = hint === undefined ? '' : ` <small>${escaped(hint)}</small>`
  return `<label>${label} <input name="amount" type="text" inputmode="decimal" maxlength="30" required>${bounds}</label> `
}

/** Returns the allowed amounts in words; undefined without bounds. */
export function describeBounds({ asset, least, most }: LinkRow, speech: Speech): string | undefined {
  const show = (minor: bigint): string => showMoney(money(asset, minor))
  if (least !== null && most !== null) return speech.say('amountBetween', { min: show(least), max: show(most) })
  if (least !== null) return speech.say('amountLow', { min: show(least) })
  return most === null ? undefined : speech.say('amountHigh', { max: show(most) })
}

const DEFAULT_COLOUR = '#0b6b4f'

/** Returns the style sheet in a readable shade of the merchant's colour. It styles nothing else, because the surrounding page is unknown. */
export function renderButtonStyle(colour: string | null): string {
  const { main, ink } = shadesOf(colour ?? DEFAULT_COLOUR).light
  const font = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif"
  return `.purser-form{display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px;max-width:420px;margin:0}
.purser-form label{flex:1 1 180px;min-width:0;font:600 14px/1.5 ${font}}
.purser-form input{display:block;box-sizing:border-box;width:100%;min-height:48px;margin-top:6px;padding:10px 14px;border:1px solid #56607a;border-radius:10px;background:#fff;color:#14213d;font:400 18px/1.4 ${font}}
.purser-form small{display:block;margin-top:6px;font-size:13px;font-weight:400}
.purser-button{display:inline-block;box-sizing:border-box;min-height:48px;max-width:100%;padding:12px 24px;border:0;border-radius:10px;background:${main};color:${ink};font:600 16px/1.5 ${font};text-align:center;text-decoration:none;cursor:pointer}
.purser-button:hover{filter:brightness(1.08)}
.purser-form label+.purser-button{margin-top:27px}
.purser-button:focus-visible,.purser-form input:focus-visible{outline:3px solid ${main};outline-offset:2px}
@media (max-width:420px){.purser-button{width:100%}.purser-form label{flex-basis:100%}.purser-form label+.purser-button{margin-top:0}}
`
}
