import { levelsOf, runsOf, type Run, type Sign } from './runs.ts'

/** Texts broken into lines of bounded width and number. */

export interface Line {
  /** In drawing order, from left to right. */
  readonly runs: readonly Run[]
}

/** Width of a run in points. */
export type Measure = (run: Run) => number

export interface Room {
  /** Maximum width in points. */
  readonly width: number
  /** Maximum lines. Further ones are left out, and `ellipsis` ends the last one. */
  readonly lines: number
  readonly ellipsis: Run
}

/** A word, or one ideograph with the marks and the punctuation after it: lines break between these. */
const WORDS =
  /\s+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}][\p{M}\p{Pe}\p{Pf}\p{Po}ー]*|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Breaks text between words, and inside a word only where the word alone is too wide. `signs` are the text's code points. */
export function breakLines(text: string, signs: readonly Sign[], room: Room, measure: Measure): readonly Line[] {
  const levels = levelsOf(text)
  const indexAt = new Map(signs.map(({ at }, index) => [at, index]))
  const signsOf = (from: number, to: number): readonly Sign[] => signs.slice(indexAt.get(from), indexAt.get(to))
  const widthOf = (from: number, to: number): number =>
    runsOf(text, signsOf(from, to), levels).reduce((sum, run) => sum + measure(run), 0)
  const parts = breakAt(text, room.width, widthOf)
  const cut = parts.length > room.lines
  return parts.slice(0, room.lines).map(({ from, to }, i) => {
    const runs = runsOf(text, signsOf(from, to), levels)
    return { runs: cut && i === room.lines - 1 ? [...runs, room.ellipsis] : runs }
  })
}

interface Span {
  readonly from: number
  readonly to: number
}

function breakAt(text: string, width: number, widthOf: (from: number, to: number) => number): readonly Span[] {
  const lines: Span[] = []
  let line: { from: number; to: number; width: number } | undefined
  const add = (from: number, to: number, wide: number, isSpace = false): void => {
    if (line && line.width + wide <= width)
      line = { from: line.from, to: isSpace ? line.to : to, width: line.width + wide }
    else {
      if (line) lines.push(line)
      line = isSpace ? undefined : { from, to, width: wide }
    }
  }
  for (const { 0: word, index } of text.matchAll(WORDS)) {
    const isSpace = word.trim() === ''
    if (isSpace && !line) continue
    const wide = widthOf(index, index + word.length)
    if (isSpace || wide <= width) add(index, index + word.length, wide, isSpace)
    else
      for (const { segment, index: inWord } of graphemes.segment(word)) {
        const [from, to] = [index + inWord, index + inWord + segment.length]
        add(from, to, widthOf(from, to))
      }
  }
  if (line) lines.push(line)
  return lines
}
