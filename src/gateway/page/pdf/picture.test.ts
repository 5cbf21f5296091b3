import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { openBrowser } from '../../../../test/browser.ts'
import { drawingOf, linesOf, pictureOf as pictureIn } from '../../../../test/pdf.ts'
import { pngOf, type PngParts } from '../../../../test/png.ts'
import { createRandom } from '../../../../test/random.ts'
import { renderPdf } from './pdf.ts'
import { pictureOf } from './picture.ts'
import { readPng } from './png.ts'

const text = { title: 'Receipt', rows: [], notes: [] }
const png = (parts: PngParts) => ({ type: 'image/png', bytes: pngOf(parts) })

/** Two rows of two points: red, green; blue, and white that is half seen. */
const FOUR: PngParts = {
  width: 2,
  height: 2,
  colour: 6,
  raw: Buffer.from([0, 255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 0, 255, 255, 255, 255, 255, 128]),
}

void test('a PNG stands in the document with what shines through it, and the words are where they were', async () => {
  const picture = await pictureOf(png(FOUR))
  const pdf = renderPdf({ ...text, picture, colour: '#0b6b4f' })
  const image = pictureIn(pdf)
  assert.ok(image?.mask)
  assert.match(image.entries, /\/Width 2 \/Height 2 \/ColorSpace \/DeviceRGB/)
  assert.deepEqual([...inflateSync(image.bytes)], [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
  assert.deepEqual([...inflateSync(image.mask.bytes)], [255, 255, 255, 128])
  assert.deepEqual(linesOf(pdf), ['Receipt'])
  const drawing = drawingOf(pdf)
  assert.match(drawing, /^q 0\.043 0\.42 0\.31 rg 0 834 595 8 re f Q\n/)
  assert.match(drawing, /q 48 0 0 48 64 730 cm \/Im1 Do Q\n/)
  assert.equal(pictureIn(renderPdf(text)), undefined)
})

void test('a wide picture keeps its form, and one of many points is made smaller', async () => {
  const wide = { width: 1500, height: 100, raw: Buffer.alloc(100 * (1 + 4500)) }
  const picture = await pictureOf(png(wide))
  assert.deepEqual([picture?.width, picture?.height, picture?.mask], [500, 34, undefined])
  assert.match(drawingOf(renderPdf({ ...text, picture })), /q 200 0 0 14 64 764 cm/)
})

type Segment = readonly [marker: number, body: readonly number[]]
const jpeg = (...segments: readonly Segment[]): Buffer =>
  Buffer.from([0xff, 0xd8, ...segments.flatMap(([marker, body]) => [0xff, marker, 0, body.length + 2, ...body])])
/** Of 40 × 20 points. */
const frame = (parts: number, bits = 8): Segment => [0xc0, [bits, 0, 20, 0, 40, parts]]
const ascii = (words: string): number[] => [...Buffer.from(words, 'latin1')]

void test('a JPEG is taken as it is; what a PDF would show wrong is left out', async () => {
  const read = async (...segments: readonly Segment[]) =>
    (await pictureOf({ type: 'image/jpeg', bytes: jpeg(...segments) }))?.image.entries
  assert.match((await read(frame(3))) ?? '', /\/Width 40 \/Height 20 \/ColorSpace \/DeviceRGB .*\/DCTDecode $/)
  assert.match((await read([0xe0, ascii('JFIF')], frame(1))) ?? '', /DeviceGray/)
  assert.match((await read([0xee, ascii('Adobe\0')], frame(4))) ?? '', /DeviceCMYK .*\/Decode \[1 0 1 0 1 0 1 0\]/)
  assert.equal(await read(frame(3, 12)), undefined)
  assert.equal(await read([0xc9, [8, 0, 20, 0, 40, 3]], [0xda, []]), undefined, 'arithmetic coding')
  const exif = (turn: number): Segment => [
    0xe1,
    [...ascii('Exif\0\0MM'), 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, turn, 0, 0],
  ]
  assert.match((await read(exif(1), frame(3))) ?? '', /DeviceRGB/)
  assert.equal(await read(exif(6), frame(3)), undefined, 'it lies on its side')
})

void test('what is broken, of another kind, or a bomb is nothing, never an error', async () => {
  const whole = pngOf(FOUR)
  for (let length = 0; length < whole.length - 16; length++)
    assert.equal(
      await pictureOf({ type: 'image/png', bytes: whole.subarray(0, length) }),
      undefined,
      `cut at ${length}`,
    )
  for (const type of ['image/png', 'image/jpeg', 'image/webp'])
    assert.equal(await pictureOf({ type, bytes: Buffer.from('RIFFxxxxWEBP') }), undefined, type)
  assert.equal(await pictureOf(png({ ...FOUR, width: 30_000, height: 30_000 })), undefined)
  assert.equal(await pictureOf(png({ ...FOUR, raw: Buffer.alloc(1_000_000) })), undefined)
  const unknownFilter = Buffer.from(FOUR.raw)
  unknownFilter[0] = 5
  assert.equal(await pictureOf(png({ ...FOUR, raw: unknownFilter })), undefined)
})

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
const KINDS = [
  ...[1, 2, 4, 8, 16].map((depth) => ({ colour: 0, depth })),
  ...[8, 16].flatMap((depth) => [2, 4, 6].map((colour) => ({ colour, depth }))),
  ...[1, 2, 4, 8].map((depth) => ({ colour: 3, depth })),
].flatMap((kind) => [false, true].map((interlaced) => ({ ...kind, interlaced })))
const [WIDTH, HEIGHT] = [13, 11]

/** Noise, in rows of all filters. */
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

void test('every kind of PNG has the points that a browser shows', { timeout: 120_000 }, async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using open = browser
  const page = await open.page()
  const random = createRandom(7)
  for (const kind of KINDS) {
    const bytes = pngOf(noise(kind, random))
    const { width, height, rgb, alpha } = await readPng(bytes)
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
      const seen = alpha?.[i] ?? 255
      const where = `${JSON.stringify(kind)} point ${i}`
      assert.ok(Math.abs(seen - (shown[i * 4 + 3] ?? 0)) <= 1, where)
      // A canvas keeps colours times alpha, so the less is seen the less exact they are.
      const about = seen === 0 ? 255 : 1 + 255 / seen
      for (const part of [0, 1, 2])
        assert.ok(Math.abs((rgb[i * 3 + part] ?? 0) - (shown[i * 4 + part] ?? 0)) <= about, where)
    }
  }
})
