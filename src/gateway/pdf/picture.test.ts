import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, deflateSync } from 'node:zlib'
import { PNG } from 'pngjs'
import { openBrowser } from '../../../test/browser.ts'
import { readPdf, readPdfTexts } from '../../../test/pdf.ts'
import { pngOf, type PngParts } from '../../../test/png.ts'
import { createRandom } from '../../../test/random.ts'
import { renderPdf, type PdfText } from './document.ts'
import { readPicture, readPng } from './picture.ts'

const text: PdfText = { language: 'en', title: 'Receipt', rows: [], notes: [], printedAt: new Date(0) }
const png = (parts: PngParts) => ({ type: 'image/png', bytes: pngOf(parts) })

/** Two rows of two pixels: red, green; blue, and half-transparent black. */
const FOUR: PngParts = {
  width: 2,
  height: 2,
  colour: 6,
  raw: Buffer.from([0, 255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 0, 255, 255, 0, 0, 0, 128]),
}

void test('a PNG is drawn on white, under a bar in the brand colour', async () => {
  const picture = await readPicture(png(FOUR))
  const pdf = await renderPdf({ ...text, picture, colour: '#0b6b4f' })
  const { images, fills } = await readPdf(pdf)
  const [image] = images
  assert.deepEqual([images.length, image?.width, image?.height], [1, 2, 2])
  assert.deepEqual([...(image?.data ?? [])], [255, 0, 0, 0, 255, 0, 0, 0, 255, 127, 127, 127])
  assert.deepEqual(await readPdfTexts(pdf), ['Receipt'])
  assert.equal(fills[0], '#0b6b4f')
  assert.deepEqual((await readPdf(await renderPdf(text))).images, [])
})

/** Builds a PNG chunk with its checksum. */
function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length)
  bytes.writeUInt32BE(data.length)
  bytes.write(type, 4, 'latin1')
  data.copy(bytes, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length)
  return bytes
}

const header = (width: number, height: number): Buffer => {
  const data = Buffer.alloc(13)
  data.writeUInt32BE(width)
  data.writeUInt32BE(height, 4)
  data.set([8, 6], 8)
  return chunk('IHDR', data)
}

void test('a PNG with a second header, another first chunk or a very long side is refused before it is decoded', async () => {
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  const [pixels, end] = [chunk('IDAT', deflateSync(Buffer.alloc(5))), chunk('IEND', Buffer.alloc(0))]
  const read = (...chunks: readonly Buffer[]): Promise<unknown> => readPng(Buffer.concat([signature, ...chunks]))
  assert.ok(await read(header(1, 1), pixels, end))
  await assert.rejects(read(header(1, 1), header(3000, 3000), pixels, end), /no header/)
  await assert.rejects(read(chunk('tEXt', Buffer.from('a\0b')), header(1, 1), pixels, end), /no header/)
  const palette = chunk('PLTE', Buffer.alloc(3))
  await assert.rejects(read(header(1, 1), palette, palette, pixels, end), /more than one PLTE/)
  await assert.rejects(read(header(1, 4097), pixels, end), /too many pixels/)
  await assert.rejects(read(header(1025, 1024), pixels, end), /too many pixels/)
})

void test('a large picture is reduced and keeps its proportions', async () => {
  const wide = { width: 1500, height: 100, raw: Buffer.alloc(100 * (1 + 4500)) }
  const picture = await readPicture(png(wide))
  assert.ok(picture)
  const { width, height } = PNG.sync.read(picture.bytes)
  assert.deepEqual([width, height], [500, 34])
})

type Segment = readonly [marker: number, body: readonly number[]]
const jpeg = (...segments: readonly Segment[]): Buffer =>
  Buffer.from([0xff, 0xd8, ...segments.flatMap(([marker, body]) => [0xff, marker, 0, body.length + 2, ...body])])
/** Frame header of a picture of 40 × 20 pixels. */
const frame = (parts: number, bits = 8): Segment => [0xc0, [bits, 0, 20, 0, 40, parts]]
const ascii = (words: string): number[] => [...Buffer.from(words, 'latin1')]

void test('a JPEG is embedded unchanged, unless a PDF would show it wrong', async () => {
  const isRead = async (...segments: readonly Segment[]) => {
    const bytes = jpeg(...segments)
    const picture = await readPicture({ type: 'image/jpeg', bytes })
    if (picture) assert.ok((await renderPdf({ ...text, picture })).includes(bytes))
    return picture !== undefined
  }
  assert.equal(await isRead(frame(3)), true)
  assert.equal(await isRead([0xe0, ascii('JFIF')], frame(1)), true)
  assert.equal(await isRead([0xee, ascii('Adobe\0')], frame(4)), true)
  assert.equal(await isRead(frame(4)), false, 'inks that are not inverted')
  assert.equal(await isRead(frame(3, 12)), false)
  assert.equal(await isRead([0xc9, [8, 0, 20, 0, 40, 3]], [0xda, []]), false, 'arithmetic coding')
})

void test('a JPEG is rotated by its Exif orientation', async () => {
  const exif = (turn: number): Segment => [
    0xe1,
    [...ascii('Exif\0\0MM'), 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, turn, 0, 0],
  ]
  const drawn = async (turn: number): Promise<Buffer> => {
    const picture = await readPicture({ type: 'image/jpeg', bytes: jpeg(exif(turn), frame(3)) })
    assert.ok(picture)
    return renderPdf({ ...text, picture })
  }
  const [upright, turned] = await Promise.all([drawn(1), drawn(6)])
  assert.notEqual(upright.length, turned.length, 'another matrix')
})

void test('a broken file, another format or a decompression bomb yields undefined, never an error', async () => {
  const whole = pngOf(FOUR)
  for (let length = 0; length < whole.length - 16; length++)
    assert.equal(
      await readPicture({ type: 'image/png', bytes: whole.subarray(0, length) }),
      undefined,
      `cut at ${length}`,
    )
  for (const type of ['image/png', 'image/jpeg', 'image/webp'])
    assert.equal(await readPicture({ type, bytes: Buffer.from('RIFFxxxxWEBP') }), undefined, type)
  assert.equal(await readPicture(png({ ...FOUR, width: 30_000, height: 30_000 })), undefined)
  assert.equal(await readPicture(png({ ...FOUR, raw: Buffer.alloc(1_000_000) })), undefined)
  const unknownFilter = Buffer.from(FOUR.raw)
  unknownFilter[0] = 5
  assert.equal(await readPicture(png({ ...FOUR, raw: unknownFilter })), undefined)
})

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
const KINDS = [
  ...[1, 2, 4, 8, 16].map((depth) => ({ colour: 0, depth })),
  ...[8, 16].flatMap((depth) => [2, 4, 6].map((colour) => ({ colour, depth }))),
  ...[1, 2, 4, 8].map((depth) => ({ colour: 3, depth })),
].flatMap((kind) => [false, true].map((interlaced) => ({ ...kind, interlaced })))
const [WIDTH, HEIGHT] = [13, 11]

/** Returns a PNG of noise whose rows use all filters. */
function noise(kind: (typeof KINDS)[number], random: ReturnType<typeof createRandom>): PngParts {
  const { colour, depth, interlaced } = kind
  const byte = (): number => random(256)
  const passes = interlaced
    ? [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
      ]
    : [[0, 0, 1, 1]]
  const rows = passes.flatMap(([x = 0, y = 0, dx = 1, dy = 1]) => {
    const columns = Math.ceil((WIDTH - x) / dx)
    const length = Math.ceil((columns * (CHANNELS[colour] ?? 0) * depth) / 8)
    return Array.from({ length: Math.ceil((HEIGHT - y) / dy) }, () => [random(5), ...Array.from({ length }, byte)])
  })
  const palette = Buffer.from(Array.from({ length: 3 * 2 ** depth }, byte))
  const before: Record<string, Buffer> =
    colour === 3
      ? { PLTE: palette, tRNS: Buffer.from([0, 100, 200].slice(0, 2 ** depth)) }
      : colour === 0
        ? { tRNS: Buffer.from([0, 1]) }
        : {}
  return { width: WIDTH, height: HEIGHT, depth, colour, interlaced, before, raw: Buffer.from(rows.flat()) }
}

void test('every kind of PNG decodes to the pixels that a browser shows', { timeout: 120_000 }, async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using open = browser
  const page = await open.page()
  const random = createRandom(7)
  for (const kind of KINDS) {
    const bytes = pngOf(noise(kind, random))
    const { width, height, data } = await readPng(bytes)
    assert.deepEqual([width, height], [WIDTH, HEIGHT])
    const shown = await page.evaluate<number[]>(`(async () => {
      const image = new Image()
      image.src = 'data:image/png;base64,${bytes.toString('base64')}'
      await image.decode()
      const canvas = Object.assign(document.createElement('canvas'), { width: ${WIDTH}, height: ${HEIGHT} })
      const context = canvas.getContext('2d')
      context.drawImage(image, 0, 0)
      return [...context.getImageData(0, 0, ${WIDTH}, ${HEIGHT}).data]
    })()`)
    for (let i = 0; i < WIDTH * HEIGHT; i++) {
      const seen = data[i * 4 + 3] ?? 0
      const where = `${JSON.stringify(kind)} point ${i}`
      assert.ok(Math.abs(seen - (shown[i * 4 + 3] ?? 0)) <= 1, where)
      // A canvas stores premultiplied colours, so they lose precision with lower alpha.
      const about = seen === 0 ? 255 : 1 + 255 / seen
      for (const part of [0, 1, 2])
        assert.ok(Math.abs((data[i * 4 + part] ?? 0) - (shown[i * 4 + part] ?? 0)) <= about, where)
    }
  }
})
