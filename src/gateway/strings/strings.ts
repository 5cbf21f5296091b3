import type { FailureReason } from '#rails/contract'
import { html, type Html, type HtmlPart } from '#platform/base/html'
import { english, type Word } from './english.ts'
import { REASONS } from './reasons.ts'
import { swahili } from './swahili.ts'

export const LANGUAGES = ['en', 'sw'] as const
export type Language = (typeof LANGUAGES)[number]

export const WORDS: Readonly<Record<Language, Readonly<Record<Word, string>>>> = { en: english, sw: swahili }

export interface Speech {
  readonly language: Language
  /** Returns the text with `{name}` filled in. */
  say(word: Word, values?: Readonly<Record<string, string>>): string
  /** Returns the text as HTML. Values may contain markup; text is escaped. */
  sayHtml(word: Word, values: Readonly<Record<string, HtmlPart>>): Html
  reason(reason: FailureReason): string
}

/** Keeps names and phone numbers on one line: a word joiner after the hyphen (fonts lack a no-break hyphen) and no-break spaces. */
const unbroken = (text: string): string =>
  text.replaceAll('M-Pesa', 'M-\u2060Pesa').replaceAll(/\b(07\d\d) (\d{3}) (\d{3})\b/g, '$1\u00A0$2\u00A0$3')

export function speak(language: Language): Speech {
  const text = (word: Word): string => unbroken(WORDS[language][word])
  return {
    language,
    say: (word, values = {}) => text(word).replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? ''),
    sayHtml: (word, values) =>
      html`${text(word)
        .split(/\{(\w+)\}/)
        .map((part, i) => (i % 2 === 0 ? part : values[part]))}`,
    reason: (reason) => REASONS[language][reason],
  }
}

/**
 * Returns the language of a page: `?lang=` (a link, or the choice at the foot of the page), else the first supported language of
 * Accept-Language, else the merchant's, else English. The payer's browser takes precedence over the merchant's setting. A merchant can
 * override it with `?lang=` in its links.
 */
export function languageOf(
  query: string | undefined,
  acceptLanguage: string | undefined,
  merchants: Language = 'en',
): Language {
  const asked = [query ?? '', ...(acceptLanguage ?? '').slice(0, 200).split(',')]
  for (const tag of asked) {
    const [primary = ''] = tag.trim().toLowerCase().split(/[-;]/)
    const known = LANGUAGES.find((language) => primary === language)
    if (known) return known
  }
  return merchants
}
