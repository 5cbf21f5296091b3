import assert from 'node:assert/strict'

/** The lines of text in a PDF of ours, in order; fails when a reader would not find its objects. */
export const linesOf = (pdf: Buffer): string[] => pagesOf(pdf).flat()

/** The same by page. Reads the file as a reader does: from the end, by the table of its objects. */
export function pagesOf(pdf: Buffer): string[][] {
  const text = pdf.toString('latin1')
  assert.match(text, /^%PDF-1\.\d\n/)
  const tableAt = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(text)?.[1])
  const [, count, table = ''] = /^xref\n0 (\d+)\n((?:\d{10} \d{5} [nf] \n)+)trailer/.exec(text.slice(tableAt)) ?? []
  const places = [...table.matchAll(/(\d{10}) \d{5} ([nf]) \n/g)]
  assert.equal(places.length, Number(count))
  const objects = places.map(([, place, use], number) => {
    if (use === 'f') return ''
    const body = text.slice(Number(place))
    assert.ok(body.startsWith(`${number} 0 obj\n`), `object ${number} is not where the table says`)
    return body.slice(0, body.indexOf('\nendobj\n'))
  })
  const kids = objects.find((body) => body.includes('/Type /Pages'))?.match(/\/Kids \[([^\]]*)\]/)?.[1] ?? ''
  return [...kids.matchAll(/(\d+) 0 R/g)].map(([, kid]) => {
    const contents = Number(/\/Contents (\d+) 0 R/.exec(objects[Number(kid)] ?? '')?.[1])
    return linesOfStream(objects[contents] ?? '')
  })
}

function linesOfStream(object: string): string[] {
  const [, length, stream = ''] = /<< \/Length (\d+) >>\nstream\n([\s\S]*)endstream$/.exec(object) ?? []
  assert.equal(stream.length, Number(length), 'the length of the stream')
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
