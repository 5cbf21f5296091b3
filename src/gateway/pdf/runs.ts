import bidiFactory from 'bidi-js'
import { listFaces, type Face, type Weight } from './fonts.ts'

/** Text cut into runs of one font and one direction. */

// The package's types describe an ES module, but Node loads its CommonJS build, whose export is the factory itself.
const bidi = (bidiFactory as unknown as typeof bidiFactory.default)()

/** One code point of a text with the font that draws it. */
export interface Sign {
  readonly text: string
  /** Index in the text, in UTF-16 units. */
  readonly at: number
  /** Undefined when no font covers it: a box is drawn in its place. */
  readonly face: Face | undefined
}

/** Signs of one font and one direction. */
export interface Run {
  /** Ready to be shaped: the shaper lays it out from left to right. */
  readonly text: string
  readonly face: Face | undefined
  readonly isRightToLeft: boolean
}

/** Bounds the font files of one document: a text with one character from each CJK file would open hundreds. */
const FACES_AT_MOST = 48

const IGNORABLE = /\p{Default_Ignorable_Code_Point}/u
const STAYS = /[\p{M}\p{Default_Ignorable_Code_Point}\p{Emoji_Modifier}]/u
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u
const ISOLATE = /[\u2068\u2069]/
const JOINER = '\u200d'
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Returns functions that find fonts for the texts of one document. They open a bounded number of fonts. */
export function createFaceFinder() {
  const opened = new Set<string>()
  const found = new Map<string, Promise<Face | undefined>>()

  async function search(codePoint: number, weight: Weight, sample: string): Promise<Face | undefined> {
    if (opened.size >= FACES_AT_MOST) return undefined
    for await (const face of listFaces(codePoint, weight, sample)) {
      opened.add(face.key)
      return face
    }
    return undefined
  }

  return async (text: string, weight: Weight): Promise<readonly Sign[]> => {
    const signs: Sign[] = []
    let at = 0
    for (const sign of text) {
      const codePoint = sign.codePointAt(0) ?? 0
      const before = signs.at(-1)
      const stays = (STAYS.test(sign) || before?.text === JOINER) && before?.face?.covers.has(codePoint)
      const key = `${weight} ${codePoint}`
      const lookup = stays || IGNORABLE.test(sign) ? undefined : (found.get(key) ?? search(codePoint, weight, text))
      if (lookup) found.set(key, lookup)
      const own = stays ? before?.face : await lookup
      signs.push({ text: sign, at, face: own ?? (IGNORABLE.test(sign) ? before?.face : undefined) })
      at += sign.length
    }
    return signs
  }
}

/** Returns the embedding level of each UTF-16 unit. The first strong letter sets the direction of the text (UAX #9). */
export const levelsOf = (text: string) => bidi.getEmbeddingLevels(text, 'auto')

/** Returns the runs of `signs` (one line of `text`) in the order they are drawn, from left to right. */
export function runsOf(text: string, signs: readonly Sign[], levels: ReturnType<typeof levelsOf>): readonly Run[] {
  const [first, last] = [signs[0], signs.at(-1)]
  if (!first || !last) return []
  const items: Sign[][] = []
  const itemAt = new Map<number, number>()
  const levelOf = ({ at }: Sign): number => levels.levels[at] ?? 0
  for (const sign of signs) {
    const item = items.at(-1)
    const before = item?.at(-1)
    const isSame =
      before && before.face === sign.face && levelOf(before) === levelOf(sign) && sign.face && !isSplit(sign, levelOf)
    if (item && isSame) item.push(sign)
    else items.push([sign])
    itemAt.set(sign.at, items.length - 1)
  }
  const indices = bidi.getReorderedIndices(text, levels, first.at, last.at + last.text.length - 1)
  const order = new Set(indices.flatMap((index) => itemAt.get(index) ?? []))
  return [...order].flatMap((index) => runOf(items[index] ?? [], levelOf) ?? [])
}

/** Digits of a right-to-left script run from left to right. The shaper would reverse them, so each is drawn alone. */
const isSplit = (sign: Sign, levelOf: (sign: Sign) => number): boolean =>
  levelOf(sign) % 2 === 0 && RIGHT_TO_LEFT.test(sign.text)

const isDrawn = (ignorable: string, face: Face | undefined): boolean =>
  !ISOLATE.test(ignorable) && face?.covers.has(ignorable.codePointAt(0) ?? 0) === true

function runOf(item: readonly Sign[], levelOf: (sign: Sign) => number): Run | undefined {
  const [first] = item
  if (!first) return undefined
  const drawn = item.filter(({ text, face }) => !IGNORABLE.test(text) || isDrawn(text, face))
  if (drawn.length === 0) return undefined
  if (levelOf(first) % 2 === 0) {
    return { text: drawn.map(({ text }) => text).join(''), face: first.face, isRightToLeft: false }
  }
  const mirrored = drawn.map(({ text }) => bidi.getMirroredCharacter(text) ?? text).join('')
  // The shaper reverses right-to-left scripts itself; it draws anything else in the order given.
  const visual = RIGHT_TO_LEFT.test(mirrored)
    ? mirrored
    : Array.from(graphemes.segment(mirrored), ({ segment }) => segment)
        .toReversed()
        .join('')
  return { text: visual, face: first.face, isRightToLeft: true }
}
