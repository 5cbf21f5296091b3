/**
 * A document of plain text as PDF 1.4: A4, the standard fonts that every reader has, so nothing is embedded. Latin letters only (the
 * encoding of the standard fonts, WinAnsi): marks that it lacks are left off their letters, other signs become question marks.
 * Source of the form: ISO 32000-1, 7.3 to 7.8; of the widths: Adobe's font metrics of Helvetica.
 */

import type { PdfPicture, PdfStream } from './picture.ts'

/** Words beside each other: what it is, and what it says. Both are broken into lines where they are too long. */
export type PdfRow = readonly [label: string, value: string]

export interface PdfText {
  readonly title: string
  readonly subtitle?: string | undefined
  /** Stands above the title. */
  readonly picture?: PdfPicture | undefined
  /** `#rrggbb`, of the bar at the top. */
  readonly colour?: string | undefined
  readonly rows: readonly PdfRow[]
  /** Small print at the end. */
  readonly notes: readonly string[]
}

interface Line {
  readonly text: string
  readonly x: number
  readonly y: number
  readonly size: number
  readonly font: 'F1' | 'F2'
}

interface Cell {
  readonly text: string
  readonly x: number
  /** Where it must end. */
  readonly to?: number
  readonly font: Line['font']
}

const PAGE = { width: 595, height: 842, margin: 64 }
const VALUE_X = 230
const RIGHT = PAGE.width - PAGE.margin
const BAR = 8
const PICTURE = { width: 200, height: 48, below: 16 }
const SIZES = { title: 20, text: 11, note: 9 }
const LEADING = 1.5

export function renderPdf({ title, subtitle, picture, colour, rows, notes }: PdfText): Buffer {
  const pages: Line[][] = [[]]
  const top = PAGE.height - PAGE.margin
  let y = top - (picture ? PICTURE.height + PICTURE.below : 0)
  const put = (cells: readonly Cell[], size: number): void => {
    const broken = cells.map(({ text, x, to = RIGHT, font }) => ({ x, font, lines: wrap(text, size, to - x) }))
    const height = Math.max(...broken.map(({ lines }) => lines.length)) * size * LEADING
    if (y - height < PAGE.margin) {
      pages.push([])
      y = top
    }
    for (const { x, font, lines } of broken)
      for (const [i, text] of lines.entries())
        pages.at(-1)?.push({ text, x, font, size, y: y - (i + 1) * size * LEADING })
    y -= height
  }
  put([{ text: title, x: PAGE.margin, font: 'F2' }], SIZES.title)
  if (subtitle !== undefined) put([{ text: subtitle, x: PAGE.margin, font: 'F1' }], SIZES.text)
  y -= SIZES.title
  for (const [label, value] of rows) {
    const [left, right] = [
      { text: label, x: PAGE.margin, to: VALUE_X - SIZES.text, font: 'F1' },
      { text: value, x: VALUE_X, font: 'F2' },
    ] as const
    put([left, right], SIZES.text)
  }
  y -= SIZES.text
  for (const note of notes) put([{ text: note, x: PAGE.margin, font: 'F1' }], SIZES.note)
  const drawn = `${colour === undefined ? '' : bar(colour)}${picture ? drawing(picture, top) : ''}`
  return assemble(
    pages.map((lines, i) => (i === 0 ? drawn : '') + textOf(lines)),
    title,
    picture,
  )
}

function bar(colour: string): string {
  const parts = [1, 3, 5].map((at) => Math.round(Number.parseInt(colour.slice(at, at + 2), 16) / 0.255) / 1000)
  return `q ${parts.join(' ')} rg 0 ${PAGE.height - BAR} ${PAGE.width} ${BAR} re f Q\n`
}

/** As large as its place allows, at its left. */
function drawing({ width, height }: PdfPicture, top: number): string {
  const scale = Math.min(PICTURE.width / width, PICTURE.height / height)
  const rounded = (side: number): number => Math.max(1, Math.round(side * scale))
  return `q ${rounded(width)} 0 0 ${rounded(height)} ${PAGE.margin} ${top - rounded(height)} cm /Im1 Do Q\n`
}

/** Numbered objects and where each begins; a reader finds them by the table at the end. */
function assemble(pages: readonly string[], title: string, picture: PdfPicture | undefined): Buffer {
  const IMAGE = 6
  const pictures = picture ? [picture.image, ...(picture.mask ? [picture.mask] : [])] : []
  const firstPage = IMAGE + pictures.length
  const font = (name: string): string =>
    `<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`
  const kids = pages.map((_, i) => `${firstPage + 2 * i} 0 R`).join(' ')
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} /MediaBox [0 0 ${PAGE.width} ${PAGE.height}] >>`,
    font('Helvetica'),
    font('Helvetica-Bold'),
    `<< /Title ${literal(title)} /Producer (Purser) >>`,
    ...pictures.map((stream, i) => streamOf(stream, i === 0 && pictures.length > 1 ? `/SMask ${IMAGE + 1} 0 R ` : '')),
    ...pages.flatMap((content, i) => [
      `<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R /F2 4 0 R >>${picture ? ` /XObject << /Im1 ${IMAGE} 0 R >>` : ''} >> /Contents ${firstPage + 2 * i + 1} 0 R >>`,
      streamOf({ entries: '', bytes: Buffer.from(content, 'latin1') }),
    ]),
  ]
  let text = '%PDF-1.4\n%\u00e2\u00e3\u00cf\u00d3\n'
  const places = objects.map((body, i) => {
    const place = text.length
    text += `${i + 1} 0 obj\n${body}\nendobj\n`
    return `${String(place).padStart(10, '0')} 00000 n \n`
  })
  const size = objects.length + 1
  const table = `xref\n0 ${size}\n0000000000 65535 f \n${places.join('')}`
  return Buffer.from(
    `${text}${table}trailer\n<< /Size ${size} /Root 1 0 R /Info 5 0 R >>\nstartxref\n${text.length}\n%%EOF\n`,
    'latin1',
  )
}

const textOf = (lines: readonly Line[]): string =>
  lines.map(({ font, size, x, y, text }) => `BT /${font} ${size} Tf ${x} ${y} Td ${literal(text)} Tj ET\n`).join('')

const streamOf = ({ entries, bytes }: PdfStream, more = ''): string =>
  `<< /Length ${bytes.length} ${entries}${more}>>\nstream\n${bytes.toString('latin1')}\nendstream`

/** A string of one byte a sign; the signs that mean something to PDF, and all beyond ASCII, as octal. */
const literal = (text: string): string =>
  `(${Array.from(winAnsi(text), (byte) => (/[ -~]/.test(byte) && !/[()\\]/.test(byte) ? byte : `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`)).join('')})`

/** What Windows-1252 has between 0x80 and 0x9f. */
const EXTRA = '€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ'

function winAnsi(text: string): string {
  const plain = text
    .normalize('NFC')
    .replaceAll(/[\u00a0\u202f\s]+/g, ' ')
    .replaceAll(/[\u00ad\u200b-\u200f\u2060\p{Cc}]/gu, '')
  return Array.from(
    plain,
    (sign) =>
      byteOf(sign) ??
      Array.from(sign.normalize('NFKD').replaceAll(/\p{M}/gu, ''), (part) => byteOf(part) ?? '?').join(''),
  ).join('')
}

function byteOf(sign: string): string | undefined {
  if (/^[ -~\u00a1-\u00ff]$/.test(sign)) return sign
  const extra = EXTRA.indexOf(sign)
  return extra < 0 || sign === '\0' ? undefined : String.fromCharCode(0x80 + extra)
}

/** Of the signs from space to tilde, in thousandths of the size. The bold face is a tenth wider. */
const WIDTHS =
  `278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556
  1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556
  333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584`
    .split(/\s+/)
    .map((width) => Number.parseInt(width, 10))
const WIDEST = 1015
const BOLD = 1.1

function widthOf(text: string, size: number): number {
  const sum = Array.from(text, (sign) => WIDTHS[(sign.normalize('NFD').codePointAt(0) ?? 0) - 32] ?? WIDEST)
  return (sum.reduce((a, b) => a + b, 0) * BOLD * size) / 1000
}

/** Lines of at most this width: broken at blanks, and inside a word only where it alone is too long. */
function wrap(text: string, size: number, width: number): string[] {
  const lines = ['']
  for (const word of text.split(/[\s\u00a0]+/)) {
    const line = lines.at(-1) ?? ''
    const longer = line === '' ? word : `${line} ${word}`
    if (widthOf(longer, size) <= width) lines[lines.length - 1] = longer
    else {
      if (line !== '') lines.push('')
      for (const sign of word) {
        const grown = (lines.at(-1) ?? '') + sign
        if (widthOf(grown, size) <= width) lines[lines.length - 1] = grown
        else lines.push(sign)
      }
    }
  }
  return lines
}
