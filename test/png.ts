import { crc32, deflateSync } from 'node:zlib'

export interface PngParts {
  readonly width: number
  readonly height: number
  /** 8 unless told. */
  readonly depth?: number
  /** 2, red green blue, unless told. */
  readonly colour?: number
  readonly interlaced?: boolean
  /** What stands before the rows: a palette, what is clear in it. */
  readonly before?: Readonly<Record<string, Buffer>>
  /** Rows with their filters. */
  readonly raw: Buffer
}

/** A picture that browsers show. */
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

/** One point of a colour. */
export const onePoint = (red: number, green: number, blue: number): Buffer =>
  pngOf({ width: 1, height: 1, raw: Buffer.from([0, red, green, blue]) })
