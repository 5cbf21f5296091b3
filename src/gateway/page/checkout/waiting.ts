import type { Attempt } from '#payments'
import { html, type Html } from '#platform/base/html'
import { renderNotice, renderHeadline } from './notices.ts'
import { methodName, showMoney, showPhone, showCountdown } from '../../strings/format.ts'
import { livePush, type View } from './state.ts'
import type { Word } from '../../strings/english.ts'

type Words = readonly [title: Word, text: Word]

const WORDS: Readonly<Partial<Record<Attempt['status'], Words>>> = {
  created: ['sending', 'sendingText'],
  submitting: ['sending', 'sendingText'],
  unknown: ['unknown', 'unknownText'],
}
const WAITING: Words = ['waiting', 'waitingText']

/** Renders a pending prompt. No other method is offered before it ends, because both could charge the payer. */
export function renderWaiting(view: View): Html {
  const { intent, speech, problem } = view
  const attempt = livePush(intent)
  if (!attempt) return html``
  const [title, text] = WORDS[attempt.status] ?? WAITING
  const method = methodName(attempt.method, speech, 'sentence')
  const values = {
    method,
    amount: html`<b>${showMoney(attempt.amount)}</b>`,
    phone: showPhone(attempt.phone, speech),
  }
  const asking = attempt.status === 'unknown'
  return html`${problem && renderNotice({ tone: 'warn', title: problem.text })}
    ${renderHeadline({ tone: 'wait', icon: 'phone', title: speech.say(title, { method }), text: speech.sayHtml(text, values) })}
    ${renderPromptClock(view, attempt)}
    ${
      !asking &&
      html`<ol class="steps">
        <li>${speech.say('stepUnlock', { method })}</li>
        <li>${speech.say('stepPin', { method })}</li>
        <li>${speech.say('stepWait')}</li>
      </ol>`
    }
    <div class="other">
      <p><b>${speech.say('otherNumber')}</b> ${speech.say('otherNumberText')} ${manualLater(view)}</p>
      <p class="center">
        <a href="/pay/${intent.id}?lang=${speech.language}" id="check" data-check>${speech.say('checkAgain')}</a>
      </p>
    </div>`
}

/** Renders the time left to approve the prompt. The script updates it; a page without script reloads every few seconds. */
function renderPromptClock({ speech, now }: View, { endsAt, method }: Attempt): Html | undefined {
  if (!endsAt) return undefined
  const leftMs = Math.max(0, endsAt.getTime() - now.getTime())
  const left = html`<b class="left">${showCountdown(leftMs)}</b>`
  const over = speech.say('promptEnded', { method: methodName(method, speech, 'sentence') })
  return html`<p class="prompt-clock ${leftMs === 0 && 'over'}" role="timer" data-prompt-ms="${leftMs}">
    <span ${leftMs === 0 && html`hidden`}>${speech.sayHtml('promptLeft', { left })}</span>
    <span ${leftMs > 0 && html`hidden`}>${over}</span>
  </p>`
}

const manualLater = ({ manualMpesa, methods, speech }: View): string | undefined =>
  manualMpesa && methods.some(({ kind }) => kind === 'transfer') ? speech.say('manualLater') : undefined
