import type { Attempt } from '#payments'
import { html, type Html } from '#platform/html'
import { pageButton } from './choose.ts'
import { alert, headline } from './notices.ts'
import { methodName, showMoney, showPhone } from '../../strings/format.ts'
import { livePush, type View } from './state.ts'
import type { Word } from '../../strings/english.ts'

type Words = readonly [title: Word, text: Word]

const WORDS: Readonly<Partial<Record<Attempt['status'], Words>>> = {
  created: ['sending', 'sendingText'],
  submitting: ['sending', 'sendingText'],
  unknown: ['unknown', 'unknownText'],
}
const WAITING: Words = ['waiting', 'waitingText']

/** A prompt is on a phone. */
export function waiting(view: View): Html {
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
  // Whether it was paid is not known: another way would invite paying twice.
  const asking = attempt.status === 'unknown'
  return html`${problem && alert({ tone: 'warn', title: problem.text })}
    ${headline({ tone: 'wait', icon: 'phone', title: speech.say(title, { method }), text: speech.sayHtml(text, values) })}
    ${
      !asking &&
      html`<ol class="steps">
        <li>${speech.say('stepUnlock', { method })}</li>
        <li>${speech.say('stepPin', { method })}</li>
        <li>${speech.say('stepWait')}</li>
      </ol>`
    }
    <div class="other">
      ${!asking && html`<p><b>${speech.say('noPrompt')}</b> ${speech.say('noPromptText')}</p>`}
      ${!asking && otherWays(view)}
      <p class="center">
        <a href="/pay/${intent.id}?lang=${speech.language}" id="check" data-check>${speech.say('checkAgain')}</a>
      </p>
    </div>`
}

const otherWays = (view: View): readonly Html[] =>
  view.methods
    .filter(({ kind }) => kind === 'page')
    .map(({ method }) => pageButton(view, method, { look: 'quiet', instead: true }))
