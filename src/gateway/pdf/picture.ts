import { promisify } from 'node:util'
import { inflate } from 'node:zlib'
import type { Logo } from '#identity'
import { PNG } from 'pngjs'

/** A picture that a PDF can hold: a JPEG as it was uploaded, or a small opaque PNG. */
export interface PdfPicture {
  readonly bytes: Buffer
}

/** Pixel samples, 8 bits per channel in the order red, green, blue, alpha, in row order. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Buffer
}

const unpack = promisify(inflate)

/** Maximum pixels and maximum side. A few kilobytes can unfold into gigabytes, and decoding blocks the process meanwhile. */
const PIXELS_AT_MOST = 1024 * 1024
const SIDE_READ_AT_MOST = 4096
/** Maximum width and height in pixels; larger pictures are reduced. On paper a logo is as wide as a thumb. */
const SIDE_AT_MOST = 600
/** Maximum bytes per pixel: four channels of 16 bits. */
const PIXEL_BYTES = 8
/** Maximum filter bytes: at most two for each row in the seven passes of an interlaced picture, and some for the last passes. */
const FILTER_BYTES = (height: number): number => 2 * height + 16

/** Returns undefined for WebP, and for pictures that are broken or very large. The receipt then shows the name alone. */
export async function readPicture({ type, bytes }: Logo): Promise<PdfPicture | undefined> {
  try {
    if (type === 'image/jpeg') return isJpegForPdf(bytes) ? { bytes } : undefined
    if (type === 'image/png') return { bytes: flatten(reduce(await readPng(bytes))) }
    return undefined
  } catch {
    // Only the first bytes are checked on upload: the rest may be cut or damaged.
    return undefined
  }
}

/** Reads every kind of PNG (W3C PNG, third edition). Throws for a broken file and for too many pixels. */
export async function readPng(bytes: Buffer): Promise<Pixels> {
  const { width, height, data, checked } = checkChunks(bytes)
  // The decoder unpacks without a limit, so unpack once with one.
  await unpack(data, { maxOutputLength: width * height * PIXEL_BYTES + FILTER_BYTES(height) })
  return PNG.sync.read(checked, { checkCRC: true })
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const IHDR_BYTES = 13
/** Chunks that the decoder reads, with how often each may occur. */
const CHUNKS: Readonly<Record<string, number>> = { IHDR: 1, PLTE: 1, tRNS: 1, gAMA: 1, IDAT: Infinity, IEND: 1 }

interface CheckedPng {
  readonly width: number
  readonly height: number
  /** The compressed pixels. */
  readonly data: Buffer
  /** The file rebuilt from the checked chunks. The decoder allocates for every header that it meets, so it must meet this one only. */
  readonly checked: Buffer
}

/** Checks header and chunks. Throws for a second header, a chunk that ends outside the file, and too many pixels. */
function checkChunks(bytes: Buffer): CheckedPng {
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw new Error('The file is no PNG.')
  const kept: Buffer[] = []
  const data: Buffer[] = []
  const counts: Record<string, number> = {}
  for (let at = SIGNATURE.length; at < bytes.length && counts['IEND'] === undefined;) {
    const [length, type] = [bytes.readUInt32BE(at), bytes.toString('latin1', at + 4, at + 8)]
    const end = at + 12 + length
    if (end > bytes.length) throw new Error('The PNG is cut.')
    const isFirst = at === SIGNATURE.length
    if (isFirst !== (type === 'IHDR') || (isFirst && length !== IHDR_BYTES)) throw new Error('The PNG has no header.')
    const limit = CHUNKS[type]
    if (limit !== undefined) {
      counts[type] = (counts[type] ?? 0) + 1
      if ((counts[type] ?? 0) > limit) throw new Error(`The PNG has more than one ${type}.`)
      kept.push(bytes.subarray(at, end))
    }
    if (type === 'IDAT') data.push(bytes.subarray(at + 8, at + 8 + length))
    at = end
  }
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
  const isTooLarge = Math.max(width, height) > SIDE_READ_AT_MOST || width * height > PIXELS_AT_MOST
  if (width * height === 0 || isTooLarge) throw new Error('The PNG has too many pixels, or none.')
  return { width, height, data: Buffer.concat(data), checked: Buffer.concat([SIGNATURE, ...kept]) }
}

/** Averages squares of pixels, so that no side is longer than SIDE_AT_MOST. */
function reduce({ width, height, data }: Pixels): Pixels {
  const step = Math.ceil(Math.max(width, height) / SIDE_AT_MOST)
  if (step === 1) return { width, height, data }
  const [columns, rows] = [Math.ceil(width / step), Math.ceil(height / step)]
  const small = Buffer.alloc(columns * rows * 4)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      let [r, g, b, a, count] = [0, 0, 0, 0, 0]
      for (let y = row * step; y < Math.min(height, (row + 1) * step); y++)
        for (let x = column * step; x < Math.min(width, (column + 1) * step); x++) {
          const at = (y * width + x) * 4
          const alpha = data[at + 3] ?? 0
          r += (data[at] ?? 0) * alpha
          g += (data[at + 1] ?? 0) * alpha
          b += (data[at + 2] ?? 0) * alpha
          a += alpha
          count++
        }
      small.set([r / (a || 1), g / (a || 1), b / (a || 1), a / count].map(Math.round), (row * columns + column) * 4)
    }
  return { width: columns, height: rows, data: small }
}

/** Puts the picture on white, the colour of the paper. An opaque PNG goes into the PDF without being decoded again. */
function flatten({ width, height, data }: Pixels): Buffer {
  const png = new PNG({ width, height })
  png.data = data
  return PNG.sync.write(png, { colorType: 2, inputHasAlpha: true, bgColor: { red: 255, green: 255, blue: 255 } })
}

/** Number of colour channels that a PDF knows: grey, RGB, CMYK. */
const CHANNELS = new Set([1, 3, 4])
/** Baseline, extended and progressive frames, which every PDF reader decodes (ITU T.81, annex B). */
const FRAMES = new Set([0xc0, 0xc1, 0xc2])
const SCAN_OR_END = new Set([0xd9, 0xda])
const ADOBE = 0xee

/** Checks the header, because the PDF library embeds a JPEG without decoding it. The library applies the Exif orientation. */
function isJpegForPdf(bytes: Buffer): boolean {
  let isAdobe = false
  for (let at = 2; bytes[at] === 0xff;) {
    const marker = bytes.readUInt8(at + 1)
    if (SCAN_OR_END.has(marker)) return false
    if (FRAMES.has(marker)) {
      const channels = bytes.readUInt8(at + 9)
      const isSized = bytes.readUInt16BE(at + 5) > 0 && bytes.readUInt16BE(at + 7) > 0
      // The library treats any CMYK as Adobe's, which is inverted.
      return bytes.readUInt8(at + 4) === 8 && isSized && CHANNELS.has(channels) && (channels < 4 || isAdobe)
    }
    if (marker === ADOBE) isAdobe = bytes.toString('latin1', at + 4, at + 9) === 'Adobe'
    at += 2 + bytes.readUInt16BE(at + 2)
  }
  return false
}
