import assert from 'node:assert/strict'

/** The lines of text in a PDF of ours, in order; fails when a reader would not find its objects. */
export const linesOf = (pdf: Buffer): string[] => pagesOf(pdf).flat()

/** The same by page. */
export function pagesOf(pdf: Buffer): string[][] {
  const objects = objectsOf(pdf)
  return contentsOf(objects).map(linesOfStream)
}

/** What is drawn on the first page, as it stands there. */
export const drawingOf = (pdf: Buffer): string => streamOf(contentsOf(objectsOf(pdf))[0] ?? '').stream

export interface PdfImage {
  readonly entries: string
  readonly bytes: Buffer
  readonly mask: PdfImage | undefined
}

/** The picture that the first page names. */
export function pictureOf(pdf: Buffer): PdfImage | undefined {
  const objects = objectsOf(pdf)
  const number = objects.map((body) => /\/XObject << \/Im1 (\d+) 0 R >>/.exec(body)?.[1]).find((found) => found)
  return number === undefined ? undefined : imageOf(objects, Number(number))
}

function imageOf(objects: readonly string[], number: number): PdfImage {
  const { entries, stream } = streamOf(objects[number] ?? '')
  const mask = /\/SMask (\d+) 0 R/.exec(entries)?.[1]
  return {
    entries,
    bytes: Buffer.from(stream, 'latin1'),
    mask: mask === undefined ? undefined : imageOf(objects, Number(mask)),
  }
}

/** Reads the file as a reader does: from the end, by the table of its objects. */
function objectsOf(pdf: Buffer): string[] {
  const text = pdf.toString('latin1')
  assert.match(text, /^%PDF-1\.\d\n/)
  const tableAt = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(text)?.[1])
  const [, count, table = ''] = /^xref\n0 (\d+)\n((?:\d{10} \d{5} [nf] \n)+)trailer/.exec(text.slice(tableAt)) ?? []
  const places = [...table.matchAll(/(\d{10}) \d{5} ([nf]) \n/g)]
  assert.equal(places.length, Number(count))
  return places.map(([, place, use], number) => {
    if (use === 'f') return ''
    const body = text.slice(Number(place))
    assert.ok(body.startsWith(`${number} 0 obj\n`), `object ${number} is not where the table says`)
    return body.slice(0, body.indexOf('\nendobj\n'))
  })
}

function contentsOf(objects: readonly string[]): string[] {
  const kids = objects.find((body) => body.includes('/Type /Pages'))?.match(/\/Kids \[([^\]]*)\]/)?.[1] ?? ''
  return [...kids.matchAll(/(\d+) 0 R/g)].map(([, kid]) => {
    const contents = Number(/\/Contents (\d+) 0 R/.exec(objects[Number(kid)] ?? '')?.[1])
    return objects[contents] ?? ''
  })
}

function streamOf(object: string): { entries: string; stream: string } {
  const [, length, entries = '', stream = ''] =
    /<< \/Length (\d+) (.*)>>\nstream\n([\s\S]*)\nendstream$/.exec(object) ?? []
  assert.equal(stream.length, Number(length), 'the length of the stream')
  return { entries, stream }
}

function linesOfStream(object: string): string[] {
  const { stream } = streamOf(object)
  const decoder = new TextDecoder('windows-1252')
  return [...stream.matchAll(/\(((?:[^()\\]|\\\d{3})*)\) Tj/g)].map(([, literal = '']) =>
    decoder.decode(
      Buffer.from(
        literal.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
        'latin1',
      ),
    ),
  )
}
