import PdfKit from 'pdfkit'
import type { Weight } from './fonts.ts'
import { forDocument } from './glyphs.ts'
import { breakLines, type Line } from './lines.ts'
import type { PdfPicture } from './picture.ts'
import { createFaceFinder, type Run } from './runs.ts'
import { cleanText, withoutIsolates } from './text.ts'

/** Two texts side by side: a label and its value. */
export type PdfRow = readonly [label: string, value: string]

export interface PdfText {
  /** Language tag of the labels, such as `sw`. */
  readonly language: string
  readonly title: string
  readonly subtitle?: string | undefined
  /** Logo above the title. */
  readonly picture?: PdfPicture | undefined
  /** `#rrggbb`, colour of the bar at the top. */
  readonly colour?: string | undefined
  readonly rows: readonly PdfRow[]
  /** Small print at the end. */
  readonly notes: readonly string[]
  readonly printedAt: Date
}

/** All measures in points; A4. */
const PAGE = { width: 595, height: 842, margin: 64 }
const VALUE_X = 230
const RIGHT = PAGE.width - PAGE.margin
const BAR = 8
const PICTURE = { width: 200, height: 48, below: 20 }
const LEADING = 1.5
/** Share of a line's height above its baseline. Noto's ascenders and marks fit into it. */
const BASELINE = 0.72
const BETWEEN_ROWS = 6
const RULE = 0.5
const COLOURS = { ink: '#14213d', soft: '#56607a', line: '#d9dee8' }
/** Drawn for a character that no font has, as shares of the font size. */
const BOX = { width: 0.6, inset: 0.08, height: 0.7 }

interface Style {
  readonly size: number
  readonly weight: Weight
  readonly colour: string
  readonly lines: number
}
const TITLE: Style = { size: 20, weight: 600, colour: COLOURS.ink, lines: 4 }
const SUBTITLE: Style = { size: 11, weight: 400, colour: COLOURS.soft, lines: 12 }
const LABEL: Style = { size: 11, weight: 400, colour: COLOURS.soft, lines: 4 }
const VALUE: Style = { size: 11, weight: 600, colour: COLOURS.ink, lines: 12 }
const NOTE: Style = { size: 9, weight: 400, colour: COLOURS.soft, lines: 8 }

interface Block {
  readonly x: number
  readonly style: Style
  readonly lines: readonly Line[]
}

/**
 * Draws a tagged PDF on A4 with subset Noto fonts. Any text is accepted: it is cleaned, broken into lines and bounded in length, and a
 * character without a font is drawn as a box.
 */
export async function renderPdf(text: PdfText): Promise<Buffer> {
  const { title, language, printedAt } = text
  const doc = new PdfKit({
    size: 'A4',
    margin: 0,
    // An empty name keeps the library from embedding its default font.
    font: '',
    lang: language,
    pdfVersion: '1.7',
    tagged: true,
    displayTitle: true,
    info: { Title: withoutIsolates(cleanText(title)), Producer: 'Purser', Creator: 'Purser', CreationDate: printedAt },
  })
  const file = collect(doc)
  await draw(doc, text)
  doc.end()
  return file
}

function collect(doc: PDFKit.PDFDocument): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    doc.on('data', (chunk: Buffer) => chunks.push(chunk))
    doc.on('end', () => resolve(Buffer.concat(chunks)))
    doc.on('error', reject)
  })
}

async function draw(
  doc: PDFKit.PDFDocument,
  { title, subtitle, picture, colour, rows, notes }: PdfText,
): Promise<void> {
  const pen = createPen(doc)
  const root = doc.struct('Document')
  doc.addStructure(root)
  const top = PAGE.margin
  let y = top
  artifact(doc, () => {
    if (colour !== undefined) doc.rect(0, 0, PAGE.width, BAR).fill(colour)
    if (picture) y += drawPicture(doc, picture, top)
  })
  const put = (blocks: readonly Block[], gap: number): number => {
    const height = Math.max(0, ...blocks.map(heightOf))
    if (y + height > PAGE.height - PAGE.margin) {
      doc.addPage()
      y = top
    }
    const at = y
    y += height + gap
    return at
  }
  const paragraph = async (kind: string, words: string, style: Style, gap: number): Promise<void> => {
    const block = await pen.prepare(words, PAGE.margin, RIGHT, style)
    const at = put([block], gap)
    root.add(doc.struct(kind, {}, [pen.mark(kind, block, at)]))
  }
  await paragraph('H1', title, TITLE, 2)
  if (subtitle !== undefined) await paragraph('P', subtitle, SUBTITLE, 0)
  y += TITLE.size
  const table = doc.struct('Table')
  root.add(table)
  for (const [label, value] of rows) {
    const left = await pen.prepare(label, PAGE.margin, VALUE_X - LABEL.size, LABEL)
    const right = await pen.prepare(value, VALUE_X, RIGHT, VALUE)
    const at = put([left, right], 2 * BETWEEN_ROWS)
    artifact(doc, () => rule(doc, at - BETWEEN_ROWS))
    const row = doc.struct('TR')
    row.add(doc.struct('TH', {}, [pen.mark('TH', left, at)]))
    row.add(doc.struct('TD', {}, [pen.mark('TD', right, at)]))
    row.end()
    table.add(row)
  }
  table.end()
  y += NOTE.size
  for (const note of notes) await paragraph('P', note, NOTE, 0)
  root.end()
}

const heightOf = ({ lines, style }: Block): number => lines.length * style.size * LEADING

/** Decoration: readers that speak the document skip it. */
function artifact(doc: PDFKit.PDFDocument, drawIt: () => void): void {
  doc.markContent('Artifact', { type: 'Layout' })
  drawIt()
  doc.endMarkedContent()
}

const rule = (doc: PDFKit.PDFDocument, y: number): unknown =>
  doc.moveTo(PAGE.margin, y).lineTo(RIGHT, y).lineWidth(RULE).stroke(COLOURS.line)

/** Draws the picture as large as its place allows, at the left. Returns the height used. */
function drawPicture(doc: PDFKit.PDFDocument, { bytes }: PdfPicture, y: number): number {
  doc.image(bytes, PAGE.margin, y, { fit: [PICTURE.width, PICTURE.height] })
  return PICTURE.height + PICTURE.below
}

/** Measures and draws lines with the fonts that their characters need. */
function createPen(doc: PDFKit.PDFDocument) {
  const signsOf = createFaceFinder()
  const registered = new Set<string>()
  // An explicit list makes the library shape the whole run. Without it, right-to-left words keep the order of the string.
  const shaped = { features: [] }
  const drawn = { ...shaped, lineBreak: false, baseline: 'alphabetic', wordCount: 0 } as const

  const use = ({ face }: Run, size: number): void => {
    if (!face) return
    // PDFKit accepts a font that fontkit opened, but its types declare only files.
    if (!registered.has(face.key)) doc.registerFont(face.key, forDocument(face.font) as unknown as Buffer)
    registered.add(face.key)
    doc.font(face.key, size)
  }
  const measure = (run: Run, size: number): number => {
    use(run, size)
    return run.face ? doc.widthOfString(run.text, shaped) : BOX.width * size
  }
  const widths = new Map<string, number>()
  const widthOf = (run: Run, size: number): number => {
    const key = `${run.face?.key ?? ''} ${size} ${run.text}`
    const width = widths.get(key) ?? measure(run, size)
    widths.set(key, width)
    return width
  }

  return {
    async prepare(words: string, x: number, to: number, style: Style): Promise<Block> {
      const clean = cleanText(words)
      const signs = await signsOf(clean, style.weight)
      const [dots] = await signsOf('…', style.weight)
      const ellipsis: Run = { text: '…', face: dots?.face, isRightToLeft: false }
      const room = { width: to - x, lines: style.lines, ellipsis }
      return { x, style, lines: breakLines(clean, signs, room, (run) => widthOf(run, style.size)) }
    },

    /** Draws the block as tagged content, with its top at `y`. */
    mark(kind: string, { x, style, lines }: Block, y: number): PDFKit.PDFStructureContent {
      const content = doc.markStructureContent(kind)
      for (const [i, line] of lines.entries()) {
        let at = x
        const baseline = y + (i + BASELINE) * style.size * LEADING
        for (const run of line.runs) {
          const width = widthOf(run, style.size)
          if (needsActualText(run)) doc.markContent('Span', { actual: run.text })
          doc.fillColor(style.colour)
          use(run, style.size)
          // The library would measure the run once more.
          const measured = { ...drawn, textWidth: width }
          if (run.face) doc.text(run.text, at, baseline, measured)
          else box(doc, at, baseline, style)
          if (needsActualText(run)) doc.endMarkedContent()
          at += width
        }
      }
      doc.endMarkedContent()
      return content
    },
  }
}

/**
 * Whether copying and searching need the text itself: for a box, and where shaping reorders letters (Devanagari). Readers restore the
 * order of right-to-left text from its glyphs; Poppler would reverse it a second time.
 */
const needsActualText = ({ text, face, isRightToLeft }: Run): boolean =>
  !face || (!isRightToLeft && /[\p{M}\u200c\u200d]/u.test(text))

function box(doc: PDFKit.PDFDocument, x: number, baseline: number, { size, colour }: Style): void {
  const inset = BOX.inset * size
  doc
    .rect(x + inset, baseline - BOX.height * size, BOX.width * size - 2 * inset, BOX.height * size)
    .lineWidth(RULE)
    .stroke(colour)
}
