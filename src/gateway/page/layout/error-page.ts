import type { AppError } from '#platform/base/errors'
import type { Request } from '#platform/web/http'
import type { Assets } from '../assets/assets.ts'
import { tooManyRequests } from '../forms/problem.ts'
import { renderMessagePage } from './document.ts'
import type { Word } from '../../strings/english.ts'
import { languageOf, speak } from '../../strings/strings.ts'

/** Words of the page for 404. */
export type NotFoundWords = readonly [title: Word, text: Word]

/** Renders an error page in the payer's language. */
export function renderErrorPage(
  error: AppError,
  request: Request,
  assets: Assets,
  [title, text]: NotFoundWords = ['notFound', 'notFoundText'],
): string {
  const { lang } = request.query as { lang?: unknown }
  const speech = speak(languageOf(typeof lang === 'string' ? lang : undefined, request.headers['accept-language']))
  if (error.status === 404)
    return renderMessagePage(speech, { icon: 'search', title: speech.say(title), text: speech.say(text) }, assets)
  if (error.status === 403)
    return renderMessagePage(
      speech,
      { icon: 'alert', title: speech.say('problem'), text: speech.say('crossSite') },
      assets,
    )
  if (error.status === 429) {
    const said = tooManyRequests(speech, error.retryAfterSeconds ?? 60).text
    return renderMessagePage(speech, { icon: 'clock', title: speech.say('problem'), text: said }, assets)
  }
  if (error.status === 422)
    return renderMessagePage(
      speech,
      { icon: 'alert', title: speech.say('problem'), text: speech.say('unreadable') },
      assets,
    )
  const said = `${speech.say('serverErrorText')} (${request.id})`
  return renderMessagePage(speech, { icon: 'alert', title: speech.say('serverError'), text: said }, assets)
}
