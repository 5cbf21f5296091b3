import { html, type Html, type HtmlPart } from '#platform/base/html'
import { icons } from '../layout/icons.ts'
import { methodName, showMoney } from '../../strings/format.ts'
import { lastTransfer, livePage, type View } from './state.ts'
import type { Word } from '../../strings/english.ts'

export type Tone = 'good' | 'wait' | 'warn' | 'bad' | 'plain'

interface Headline {
  readonly tone: Tone
  readonly icon: keyof typeof icons
  readonly title: string
  readonly text: HtmlPart
}

/** Renders the status of the payment. The script announces `data-title` and `data-text`, and focuses `data-focus`. */
export const renderHeadline = ({ tone, icon, title, text }: Headline): Html =>
  html`<div class="state">
    <div class="mark ${tone}">${icons[icon]}</div>
    <h2 tabindex="-1" data-focus data-title>${title}</h2>
    <p data-text>${text}</p>
  </div>`

interface Alert {
  readonly tone: 'warn' | 'bad' | 'info'
  readonly title: string
  readonly text?: HtmlPart
}

/** Renders a notice above the methods. */
export const renderNotice = ({ tone, title, text }: Alert): Html =>
  html`<div class="alert ${tone}" tabindex="-1" data-focus>
    ${icons[tone === 'info' ? 'info' : 'alert']}
    <div>
      <p class="what" data-title>${title}</p>
      ${text && html`<p data-text>${text}</p>`}
    </div>
  </div>`

const CLOSED = {
  expired: { text: 'expiredText', tone: 'warn', icon: 'clock' },
  canceled: { text: 'canceledText', tone: 'plain', icon: 'cross' },
  failed: { text: 'failedText', tone: 'bad', icon: 'cross' },
  reversed: { text: 'reversedText', tone: 'warn', icon: 'back' },
} as const satisfies Record<string, { text: Word; tone: Tone; icon: keyof typeof icons }>

/** Renders a payment that ended unpaid. */
export function renderClosed({ intent, speech }: View, how: keyof typeof CLOSED): Html {
  const { tone, icon, text } = CLOSED[how]
  const merchant = intent.terms.merchantName
  const received = showMoney(intent.received)
  const arrived = intent.received.amount > 0n && how !== 'reversed'
  return html`${renderHeadline({ tone, icon, title: speech.say(how), text: speech.say(text, { merchant }) })}
  ${renderOpenPageWarning({ intent, speech })} ${how === 'expired' && renderLateTransfer({ intent, speech })}
  ${arrived && renderNotice({ tone: 'info', title: speech.say('arrived', { merchant, received }) })}
  ${intent.returnUrl && html`<p class="actions">${renderBackLink(intent.returnUrl, speech.say('back', { merchant }), 'quiet')}</p>`}`
}

/** Renders the payment code of a transfer that may still arrive after expiry. */
function renderLateTransfer({ intent, speech }: Pick<View, 'intent' | 'speech'>): Html | undefined {
  const code = lastTransfer(intent)?.code
  if (code === undefined) return undefined
  const title = speech.say('expiredTransfer')
  return renderNotice({
    tone: 'info',
    title,
    text: speech.say('expiredTransferText', { code, merchant: intent.terms.merchantName }),
  })
}

/** Renders a warning about an open provider page, which is not closed yet or cannot be closed (Crossmint). */
export function renderOpenPageWarning({ intent, speech }: Pick<View, 'intent' | 'speech'>): Html | undefined {
  const page = livePage(intent)
  if (!page) return undefined
  const method = methodName(page.method, speech, 'label')
  const title = page.method === 'card' ? speech.say('cardStill') : speech.say('pageStill', { method })
  return renderNotice({
    tone: 'warn',
    title,
    text: speech.say('pageStillText', { merchant: intent.terms.merchantName }),
  })
}

export const renderBackLink = (url: string, text: string, look = ''): Html =>
  html`<a class="button ${look}" href="${url}">${text}</a>`

/** Renders the panel for money that was seen but is not final. */
export const renderConfirming = ({ speech }: View): Html =>
  renderHeadline({ tone: 'wait', icon: 'clock', title: speech.say('confirming'), text: speech.say('confirmingText') })
