import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { LRUCache } from 'lru-cache'
import subsetFont from 'subset-font'
import { z } from 'zod'
import { openFont, type Shaper } from './glyphs.ts'

/** Noto fonts from npm, found by the characters they cover and opened only when a text needs them. */

export type Weight = 400 | 600

/** One font file at one weight. */
export interface Face {
  /** Unique per file and weight. */
  readonly key: string
  readonly font: Shaper
  readonly covers: ReadonlySet<number>
}

interface Family {
  readonly name: string
  /** Pairs of code points (first, last) that each file claims. The files themselves cover fewer. */
  readonly files: readonly { readonly path: string; readonly ranges: readonly (readonly [number, number])[] }[]
}

/** In order of preference. Latin, Greek, Cyrillic and Devanagari are in `noto-sans`. */
const SCRIPTS = ['noto-sans', 'noto-sans-arabic', 'noto-sans-hebrew', 'noto-sans-ethiopic', 'noto-emoji']
const CHINESE_FIRST = ['noto-sans-sc', 'noto-sans-jp', 'noto-sans-kr']
const KANA = /[\p{Script=Hiragana}\p{Script=Katakana}]/u
const HANGUL = /\p{Script=Hangul}/u

/** Maximum opened fonts, counted in bytes of their files: 10 to 400 kB each. A Latin receipt needs two to four. */
const CACHE_BYTES = 6 * 1024 * 1024

const require = createRequire(import.meta.url)
const unicodeRanges = z.record(z.string(), z.string())
const families = new Map<string, Promise<Family>>()

const faces = new LRUCache<string, Face & { readonly bytes: number }>({
  maxSize: CACHE_BYTES,
  sizeCalculation: ({ bytes }) => bytes,
  fetchMethod: async (key) => {
    const [path = '', weight] = key.split('#')
    return openFace(key, path, Number(weight))
  },
})

/** Yields the faces of a code point in order of preference. `sample` is the whole text: kana or hangul decide which Han glyphs are preferred. */
export async function* listFaces(codePoint: number, weight: Weight, sample: string): AsyncGenerator<Face> {
  for (const name of [...SCRIPTS, ...orderOfHan(sample)]) {
    const { files } = await openFamily(name)
    for (const { path, ranges } of files) {
      if (!ranges.some(([first, last]) => codePoint >= first && codePoint <= last)) continue
      const face = await faces.fetch(`${path}#${weight}`)
      if (face?.covers.has(codePoint)) yield face
    }
  }
}

function orderOfHan(sample: string): readonly string[] {
  if (KANA.test(sample)) return ['noto-sans-jp', 'noto-sans-sc', 'noto-sans-kr']
  if (HANGUL.test(sample)) return ['noto-sans-kr', 'noto-sans-sc', 'noto-sans-jp']
  return CHINESE_FIRST
}

function openFamily(name: string): Promise<Family> {
  const opened = families.get(name) ?? readFamily(name)
  families.set(name, opened)
  return opened
}

/** Reads the package's own list of what each file covers (`unicode.json`, CSS unicode ranges). */
async function readFamily(name: string): Promise<Family> {
  const list = require.resolve(`@fontsource-variable/${name}/unicode.json`)
  const ranges = unicodeRanges.parse(JSON.parse(await readFile(list, 'utf8')))
  const files = Object.entries(ranges).map(([subset, text]) => ({
    path: join(dirname(list), 'files', `${name}-${subset.replaceAll(/[[\]]/g, '')}-wght-normal.woff2`),
    ranges: text.split(',').map((range) => {
      const [first = '', last = first] = range.replace('U+', '').split('-')
      return [Number.parseInt(first, 16), Number.parseInt(last, 16)] as const
    }),
  }))
  return { name, files }
}

/** Fixes the variable font at one weight, because fontkit 2.0 cannot read variations from WOFF2. Takes 3 to 40 ms. */
async function openFace(key: string, path: string, weight: number): Promise<Face & { readonly bytes: number }> {
  const options = {
    targetFormat: 'truetype',
    variationAxes: { wght: weight },
    keepAllGlyphs: true,
    noHinting: true,
  } as const
  const bytes = await subsetFont(await readFile(path), '', options)
  return { key, bytes: bytes.length, ...openFont(bytes) }
}
