import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { inflate } from 'node:zlib'

/** Eight bits each, row by row. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly rgb: Buffer
  /** Undefined when nothing shines through. */
  readonly alpha: Buffer | undefined
}

const unpack = promisify(inflate)

/** A few kilobytes can unfold into gigabytes. */
const POINTS_AT_MOST = 2048 * 2048
/** Larger ones are made smaller: on paper a logo is as wide as a thumb. */
const SIDE_AT_MOST = 600
/** Then others have their turn. */
const ROWS_AT_ONCE = 64
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
const PALETTE = 3

interface Head {
  readonly width: number
  readonly height: number
  /** Bits of a sample. */
  readonly depth: number
  readonly colour: number
  readonly channels: number
}

/** Every seventh of an interlaced picture: where it begins and how far its points are apart. */
interface Pass {
  readonly x: number
  readonly y: number
  readonly dx: number
  readonly dy: number
}
const WHOLE: readonly Pass[] = [{ x: 0, y: 0, dx: 1, dy: 1 }]
const ADAM7: readonly Pass[] = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
]

/** Reads every kind of PNG (W3C PNG, third edition). Throws for what is none, is broken, or has too many points. */
export async function readPng(bytes: Buffer): Promise<Pixels> {
  const chunks = chunksOf(bytes)
  const ihdr = chunks.find(({ type }) => type === 'IHDR')?.data ?? Buffer.alloc(0)
  const [width, height, depth, colour] = [
    ihdr.readUInt32BE(0),
    ihdr.readUInt32BE(4),
    ihdr.readUInt8(8),
    ihdr.readUInt8(9),
  ]
  const channels = CHANNELS[colour]
  if (channels === undefined || width * height === 0 || width * height > POINTS_AT_MOST) throw new Error('no such PNG')
  const head = { width, height, depth, colour, channels }
  const passes = ihdr.readUInt8(12) === 1 ? ADAM7 : WHOLE
  const length = passes.reduce((sum, pass) => sum + lengthOf(head, pass), 0)
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data))
  const raw = await unpack(packed, { maxOutputLength: length })
  if (raw.length !== length) throw new Error('the picture was cut')
  const data = (name: string): Buffer | undefined => chunks.find(({ type }) => type === name)?.data
  const sheet = openSheet(head)
  let at = 0
  for (const pass of passes) {
    await readPass(raw.subarray(at, (at += lengthOf(head, pass))), head, pass, painterOf(head, data, sheet.put))
  }
  return sheet.pixels()
}

function chunksOf(bytes: Buffer): { type: string; data: Buffer }[] {
  const chunks = []
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at)
    chunks.push({ type: bytes.toString('latin1', at + 4, at + 8), data: bytes.subarray(at + 8, at + 8 + length) })
    at += 12 + length
  }
  return chunks
}

const sizeOf = ({ width, height }: Head, { x, y, dx, dy }: Pass): readonly [columns: number, rows: number] => [
  Math.ceil((width - x) / dx),
  Math.ceil((height - y) / dy),
]
const rowLength = ({ channels, depth }: Head, columns: number): number => Math.ceil((columns * channels * depth) / 8)

/** A row has one byte more, which says how it is filtered. */
function lengthOf(head: Head, pass: Pass): number {
  const [columns, rows] = sizeOf(head, pass)
  return columns > 0 && rows > 0 ? rows * (1 + rowLength(head, columns)) : 0
}

type Rgb = readonly [red: number, green: number, blue: number]
/** `seen`: from 0 to 255. */
type Put = (x: number, y: number, colour: Rgb, seen: number) => void
/** Given the samples of a point, puts it there. */
type Paint = (x: number, y: number, sample: (channel: number) => number) => void

async function readPass(raw: Buffer, head: Head, pass: Pass, paint: Paint): Promise<void> {
  if (raw.length === 0) return
  const { channels, depth } = head
  const [columns, rows] = sizeOf(head, pass)
  const length = rowLength(head, columns)
  const bytesOfPoint = Math.max(1, (channels * depth) / 8)
  let above: Buffer = Buffer.alloc(length)
  for (let y = 0; y < rows; y++) {
    if (y % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate()
    const start = y * (length + 1)
    const row = raw.subarray(start + 1, start + 1 + length)
    unfilter(raw.readUInt8(start), row, above, bytesOfPoint)
    above = row
    let first = 0
    const sample = (channel: number): number => sampleAt(row, first + channel, depth)
    for (let x = 0; x < columns; x++, first += channels) paint(pass.x + x * pass.dx, pass.y + y * pass.dy, sample)
  }
}

function sampleAt(row: Buffer, index: number, depth: number): number {
  if (depth === 8) return row[index] ?? 0
  if (depth === 16) return row.readUInt16BE(index * 2)
  const bit = index * depth
  return ((row[bit >> 3] ?? 0) >> (8 - depth - (bit & 7))) & ((1 << depth) - 1)
}

/** Rows are stored as differences from what stands left of and above them (W3C PNG, 9). */
function unfilter(kind: number, row: Buffer, above: Buffer, back: number): void {
  const guess = GUESSES[kind]
  if (!guess) throw new Error('no such filter')
  for (let i = 0; i < row.length; i++) {
    const [left, corner] = i < back ? NOTHING : [row[i - back] ?? 0, above[i - back] ?? 0]
    row[i] = ((row[i] ?? 0) + guess(left, above[i] ?? 0, corner)) & 255
  }
}

const NOTHING = [0, 0] as const
const GUESSES: readonly ((left: number, up: number, corner: number) => number)[] = [
  () => 0,
  (left) => left,
  (_, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
]

function paeth(left: number, up: number, corner: number): number {
  const near = left + up - corner
  const [a, b, c] = [Math.abs(near - left), Math.abs(near - up), Math.abs(near - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/** What samples mean: grey, colours, places in a palette; with an own alpha, or one colour that is not seen. */
function painterOf({ colour, depth }: Head, data: (name: string) => Buffer | undefined, put: Put): Paint {
  const clear = data('tRNS')
  if (colour === PALETTE) {
    const palette = data('PLTE') ?? Buffer.alloc(0)
    return (x, y, sample) => {
      const index = sample(0)
      const at = index * 3
      const colours: Rgb = [palette.readUInt8(at), palette.readUInt8(at + 1), palette.readUInt8(at + 2)]
      put(x, y, colours, clear?.[index] ?? 255)
    }
  }
  const scale = 255 / (2 ** depth - 1)
  const isGrey = colour === 0 || colour === 4
  const hidden = clear && [0, 2, 4].slice(0, isGrey ? 1 : 3).map((at) => clear.readUInt16BE(at))
  const alphaAt = colour === 4 ? 1 : colour === 6 ? 3 : undefined
  return (x, y, sample) => {
    const [r, g, b] = isGrey ? [sample(0), sample(0), sample(0)] : [sample(0), sample(1), sample(2)]
    const seen = alphaAt === undefined ? !hidden?.every((each, i) => each === sample(i)) : sample(alphaAt) * scale
    put(x, y, [r * scale, g * scale, b * scale], typeof seen === 'number' ? seen : seen ? 255 : 0)
  }
}

/** Takes points and gives their means, when there are more of them than a logo needs. */
function openSheet({ width, height }: Head): { put: Put; pixels(): Pixels } {
  const step = Math.ceil(Math.max(width, height) / SIDE_AT_MOST)
  const [columns, rows] = [Math.ceil(width / step), Math.ceil(height / step)]
  // Of each: red, green and blue by how much they are seen, that, and how many points.
  const sums = new Float64Array(columns * rows * 5)
  return {
    put: (x, y, [r, g, b], a) => {
      const at = (Math.floor(y / step) * columns + Math.floor(x / step)) * 5
      const add = (i: number, more: number): void => void (sums[at + i] = (sums[at + i] ?? 0) + more)
      add(0, r * a)
      add(1, g * a)
      add(2, b * a)
      add(3, a)
      add(4, 1)
    },
    pixels: () => {
      const [rgb, alpha] = [Buffer.alloc(columns * rows * 3), Buffer.alloc(columns * rows)]
      for (let i = 0; i < columns * rows; i++) {
        const [r = 0, g = 0, b = 0, a = 0, n = 0] = sums.subarray(i * 5, i * 5 + 5)
        rgb.set(a === 0 ? [255, 255, 255] : [r, g, b].map((sum) => Math.round(sum / a)), i * 3)
        alpha[i] = Math.round(a / n)
      }
      return { width: columns, height: rows, rgb, alpha: alpha.every((each) => each === 255) ? undefined : alpha }
    },
  }
}
