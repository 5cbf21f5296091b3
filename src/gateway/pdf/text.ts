/** Cleans text from outside before it is drawn. The work and the output are bounded whatever the text holds. */

/** Maximum length of one text in UTF-16 units. Longer texts end in an ellipsis. */
const LENGTH_AT_MOST = 1000
/** Maximum marks and joiners after one letter. Real scripts rarely need more. */
const MARKS_AT_MOST = 4
const INVISIBLE_KEPT = '\\u200c\\u200d\\u2068\\u2069\\ufe0e\\ufe0f'
const INVISIBLE = new RegExp(`[[\\p{Cc}\\p{Cs}\\p{Default_Ignorable_Code_Point}]--[${INVISIBLE_KEPT}]]`, 'gv')
const MARKS = new RegExp(`([\\p{M}\\u200c\\u200d]{${MARKS_AT_MOST}})[\\p{M}\\u200c\\u200d]+`, 'gu')
/** Encloses a digit from another font, which the fonts here cannot align. */
const KEYCAP = /\u20e3/g
const ISOLATES = /[\u2068\u2069]/g

/**
 * Returns the text in NFC on one line: white space becomes one space, control and invisible characters go, lone surrogates become U+FFFD,
 * and only the first marks on a letter stay. Joiners, emoji selectors and isolates stay because shaping and bidi need them.
 */
export function cleanText(text: string): string {
  const cut = text.length > LENGTH_AT_MOST ? `${text.slice(0, LENGTH_AT_MOST)}…` : text
  return cut
    .toWellFormed()
    .normalize('NFC')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(INVISIBLE, '')
    .replaceAll(KEYCAP, '')
    .replaceAll(MARKS, '$1')
    .trim()
}

/** Wraps a name in a first-strong isolate (UAX #9), so that its direction does not reorder the sentence around it. */
export const isolate = (name: string): string => `\u2068${name.replaceAll(ISOLATES, '')}\u2069`

/** Removes isolates, for places that show plain text: the title of the file and the text that readers copy. */
export const withoutIsolates = (text: string): string => text.replaceAll(ISOLATES, '')
