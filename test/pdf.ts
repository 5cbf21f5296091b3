import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getDocumentProxy, getResolvedPDFJS } from 'unpdf'
import type { OpenBrowser } from './browser.ts'

/** One tagged text of a PDF: a heading, a paragraph, a cell of the table. */
export interface PdfBlock {
  /** Tag of the text, such as `H1` or `TD`. */
  readonly tag: string
  readonly text: string
}

export interface PdfImage {
  readonly width: number
  readonly height: number
  /** Samples in row order; three or four channels. */
  readonly data: Uint8Array
}

export interface PdfContents {
  readonly title: unknown
  readonly language: unknown
  readonly pages: readonly (readonly PdfBlock[])[]
  readonly images: readonly PdfImage[]
  /** Colours that shapes and texts are filled with, `#rrggbb`. */
  readonly fills: readonly string[]
  readonly glyphs: number
  /** Number of glyphs with index 0, which stand for characters missing in the font. */
  readonly missing: number
  /** Number of outlined rectangles, which replace characters without a font. */
  readonly boxes: number
}

/** Returns the texts of a PDF in reading order. */
export const readPdfTexts = async (pdf: Buffer): Promise<readonly string[]> =>
  (await readPdf(pdf)).pages.flat().map(({ text }) => text)

type Document = Awaited<ReturnType<typeof getDocumentProxy>>
type Page = Awaited<ReturnType<Document['getPage']>>

/** Reads a PDF with pdf.js. Fails for a file that pdf.js cannot read. */
export async function readPdf(pdf: Buffer): Promise<PdfContents> {
  const document = await getDocumentProxy(new Uint8Array(pdf))
  const { info } = await document.getMetadata()
  const pages = await Promise.all(Array.from({ length: document.numPages }, (_, i) => document.getPage(i + 1)))
  const drawn = await Promise.all(pages.map(drawingOf))
  const contents = {
    title: 'Title' in info ? info.Title : undefined,
    language: 'Language' in info ? info.Language : undefined,
    pages: await Promise.all(pages.map(blocksOf)),
    images: drawn.flatMap(({ images }) => images),
    fills: drawn.flatMap(({ fills }) => fills),
    glyphs: drawn.reduce((sum, { glyphs }) => sum + glyphs, 0),
    missing: drawn.reduce((sum, { missing }) => sum + missing, 0),
    boxes: drawn.reduce((sum, { boxes }) => sum + boxes, 0),
  }
  await document.destroy()
  return contents
}

/** Invisible separator that fonts with separate dots need. Search functions ignore it. */
const NO_TEXT = /\u034f/g

async function blocksOf(page: Page): Promise<readonly PdfBlock[]> {
  const { items } = await page.getTextContent({ includeMarkedContent: true, disableNormalization: true })
  const blocks: { tag: string; text: string }[] = []
  for (const item of items) {
    if ('str' in item) {
      const block = blocks.at(-1)
      if (block) block.text += item.str + (item.hasEOL ? ' ' : '')
    } else if ('tag' in item && item.tag !== 'Span' && item.tag !== 'Artifact')
      blocks.push({ tag: String(item.tag), text: '' })
  }
  return blocks.map(({ tag, text }) => ({ tag, text: text.replaceAll(NO_TEXT, '').replaceAll(/\s+/g, ' ').trim() }))
}

async function drawingOf(page: Page) {
  const { OPS } = await getResolvedPDFJS()
  const { fnArray, argsArray } = await page.getOperatorList()
  const steps = fnArray.map((op, i) => ({ op, args: argsArray[i] as unknown[] }))
  const argsOf = (wanted: number): unknown[][] => steps.filter(({ op }) => op === wanted).map(({ args }) => args)
  const codes = argsOf(OPS.showText).flatMap(([glyphs]) => (glyphs as unknown[]).flatMap(codeOf))
  const images = argsOf(OPS.paintImageXObject).map(async ([name]) => imageOf(page, String(name)))
  return {
    images: await Promise.all(images),
    fills: argsOf(OPS.setFillRGBColor).map(([colour]) => String(colour)),
    glyphs: codes.length,
    missing: codes.filter((code) => code === 0).length,
    boxes: argsOf(OPS.constructPath).filter(([painted, , bounds]) => painted === OPS.stroke && isHigh(bounds)).length,
  }
}

/** Excludes rules between rows, which have no height. `bounds` is the left, lower, right and upper edge. */
const isHigh = (bounds: unknown): boolean => {
  const [, lower, , upper] = Array.from(bounds as Float32Array)
  return (upper ?? 0) > (lower ?? 0)
}

const codeOf = (glyph: unknown): number[] =>
  typeof glyph === 'object' && glyph && 'originalCharCode' in glyph ? [Number(glyph.originalCharCode)] : []

async function imageOf(page: Page, name: string): Promise<PdfImage> {
  const image = await new Promise<unknown>((resolve) => page.objs.get(name, resolve))
  assert.ok(typeof image === 'object' && image && 'data' in image && 'width' in image && 'height' in image)
  assert.ok(image.data instanceof Uint8Array || image.data instanceof Uint8ClampedArray)
  return { width: Number(image.width), height: Number(image.height), data: new Uint8Array(image.data) }
}

const WIDTH = 900

/** Draws the first page with pdf.js in the browser. Returns a PNG and the number of its pixels that are not white. */
export async function drawPdf(browser: OpenBrowser, pdf: Buffer): Promise<{ png: Buffer; inked: number }> {
  const library = await readFile(new URL(import.meta.resolve('unpdf/pdfjs')), 'utf8')
  const page = await browser.page({ width: WIDTH, height: 1280 })
  await page.setContent('<body style="margin:0"><canvas></canvas></body>')
  // Evaluate a string: the project's TypeScript config has no DOM types.
  const inked = await page.evaluate<number>(`(async () => {
    const source = new Blob([${JSON.stringify(library)}], { type: 'text/javascript' })
    const pdfjs = await import(URL.createObjectURL(source))
    const data = Uint8Array.from(atob(${JSON.stringify(pdf.toString('base64'))}), (c) => c.charCodeAt(0))
    const page = await (await pdfjs.getDocument({ data }).promise).getPage(1)
    const viewport = page.getViewport({ scale: ${WIDTH} / 595 })
    const canvas = document.querySelector('canvas')
    canvas.width = viewport.width
    canvas.height = viewport.height
    const context = canvas.getContext('2d')
    await page.render({ canvas, canvasContext: context, viewport }).promise
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data
    return pixels.filter((sample, i) => i % 4 === 1 && sample < 250).length
  })()`)
  return { png: await page.locator('canvas').screenshot(), inked }
}

/** Writes a file to the directory that RECEIPT_IMAGES names, for visual review. Does nothing without it. */
export async function keepImage(name: string, bytes: Buffer): Promise<void> {
  const directory = process.env['RECEIPT_IMAGES']
  if (!directory) return
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, name), bytes)
}
