import { crc32, deflateSync } from 'node:zlib'

export interface PngParts {
  readonly width: number
  readonly height: number
  /** Default: 8. */
  readonly depth?: number
  /** Default: 2, red green blue. */
  readonly colour?: number
  readonly interlaced?: boolean
  /** Chunks before the rows: a palette, or transparency. */
  readonly before?: Readonly<Record<string, Buffer>>
  /** Rows with their filters. */
  readonly raw: Buffer
}

/** Builds a valid PNG. */
export function pngOf({
  width,
  height,
  depth = 8,
  colour = 2,
  interlaced = false,
  before = {},
  raw,
}: PngParts): Buffer {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    ...Object.entries(before).map(([type, data]) => chunk(type, data)),
    chunk('IDAT', deflateSync(raw)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** Builds a PNG of one pixel. */
export const onePoint = (red: number, green: number, blue: number): Buffer =>
  pngOf({ width: 1, height: 1, raw: Buffer.from([0, red, green, blue]) })
