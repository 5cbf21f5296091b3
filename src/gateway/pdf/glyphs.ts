import * as fontkit from 'fontkit'

/**
 * Maps glyphs back to text exactly, so that readers copy and search what was written. Noto draws ب, ت and ث with one letter shape and separate
 * dots, and fontkit remembers one text per glyph: without this, the second of these letters is copied as the first.
 */

/** Invisible and transparent to joining and bidi (U+034F). A glyph without text, such as the dots of a letter, gets it. */
const NO_TEXT = [0x034f]
/** Ids from this number on identify pairs of glyph and text. A TrueType font has fewer glyphs. */
const FIRST_PAIR = 0x1_0000

/** Parts of fontkit's objects that PDFKit uses and that fontkit's types omit. */
interface Subset {
  readonly glyphs: number[]
  includeGlyph(id: number): number
}
export interface Shaper {
  getGlyph(id: number, codePoints?: readonly number[]): fontkit.Glyph
  layout(
    text: string,
    features?: unknown,
  ): { glyphs: readonly Pick<fontkit.Glyph, 'id' | 'advanceWidth' | 'codePoints'>[] }
  createSubset(): Subset
}

/** Opens a TrueType font. Documents share it, because reading its tables takes longer than shaping a receipt. */
export function openFont(bytes: Buffer): { font: Shaper; covers: ReadonlySet<number> } {
  const font = fontkit.create(bytes)
  if (!('characterSet' in font)) throw new Error('The font file is a collection of fonts.')
  const covers = new Set(font.characterSet)
  const shaper = font as unknown as Shaper
  const { getGlyph } = shaper
  shaper.getGlyph = (id, codePoints = []) => {
    const glyph = getGlyph.call(shaper, id, codePoints)
    return Object.create(glyph, { codePoints: { value: codePoints } }) as fontkit.Glyph
  }
  return { font: shaper, covers }
}

/** Returns the font with its own subset of glyphs and texts, for one document. PDFKit uses the result as a font. */
export function forDocument(font: Shaper): Shaper {
  const pairs: number[] = []
  const known = new Map<string, number>()
  const pairOf = (id: number, codePoints: readonly number[]): number => {
    const key = `${id}:${codePoints.join()}`
    const pair = known.get(key) ?? FIRST_PAIR + pairs.push(id) - 1
    known.set(key, pair)
    return pair
  }
  return Object.assign(Object.create(font) as Shaper, {
    layout(text: string, features?: unknown) {
      const run = font.layout(text, features)
      run.glyphs = run.glyphs.map(({ id, advanceWidth, codePoints }) => {
        const written = codePoints.length > 0 ? codePoints : NO_TEXT
        return { id: pairOf(id, written), advanceWidth, codePoints: written }
      })
      return run
    },
    createSubset(): Subset {
      const subset = font.createSubset()
      const includeGlyph = subset.includeGlyph.bind(subset)
      const included = new Map<number, number>()
      subset.includeGlyph = (id) => {
        if (id < FIRST_PAIR) return includeGlyph(id)
        const number = included.get(id) ?? subset.glyphs.push(pairs[id - FIRST_PAIR] ?? 0) - 1
        included.set(id, number)
        return number
      }
      return subset
    },
  })
}
