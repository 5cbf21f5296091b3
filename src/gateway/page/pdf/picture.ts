import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import type { Logo } from '#identity'
import { readPng, type Pixels } from './png.ts'

/** A picture as a PDF holds it. Source: ISO 32000-1, 8.9 (images) and 11.6.5.3 (soft masks). */
export interface PdfPicture {
  readonly width: number
  readonly height: number
  readonly image: PdfStream
  /** How much of each point is seen; undefined: all of it. */
  readonly mask?: PdfStream | undefined
}

export interface PdfStream {
  /** Of its dictionary, without the length. */
  readonly entries: string
  readonly bytes: Buffer
}

const pack = promisify(deflate)

/** Undefined for what a PDF cannot hold: WebP, and pictures that are broken, turned, or very large. */
export async function pictureOf({ type, bytes }: Logo): Promise<PdfPicture | undefined> {
  try {
    if (type === 'image/jpeg') return readJpeg(bytes)
    if (type === 'image/png') return await packed(await readPng(bytes))
    return undefined
  } catch {
    // Its first bytes are right and the rest is not: it was cut, or is no picture. The receipt does without.
    return undefined
  }
}

const entriesOf = (width: number, height: number, space: string, rest: string): string =>
  `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /Device${space} /BitsPerComponent 8 ${rest} `

async function packed({ width, height, rgb, alpha }: Pixels): Promise<PdfPicture> {
  const stream = async (bytes: Buffer, space: string): Promise<PdfStream> => ({
    entries: entriesOf(width, height, space, '/Filter /FlateDecode'),
    bytes: await pack(bytes),
  })
  return { width, height, image: await stream(rgb, 'RGB'), mask: alpha && (await stream(alpha, 'Gray')) }
}

const SPACES: Readonly<Record<number, string>> = { 1: 'Gray', 3: 'RGB', 4: 'CMYK' }
/** Baseline, extended and progressive: what every reader of PDF knows. */
const FRAMES = new Set([0xc0, 0xc1, 0xc2])
const ENDS = new Set([0xd9, 0xda])

/** PDF takes a JPEG as it is, once it is told what its head says (ITU T.81, annex B). */
function readJpeg(bytes: Buffer): PdfPicture | undefined {
  let isAdobe = false
  for (let at = 2; bytes[at] === 0xff;) {
    const marker = bytes.readUInt8(at + 1)
    const body = bytes.subarray(at + 4, at + 2 + bytes.readUInt16BE(at + 2))
    if (ENDS.has(marker)) return undefined
    if (FRAMES.has(marker)) return framed(bytes, body, isAdobe)
    if (marker === 0xee) isAdobe = body.toString('latin1', 0, 5) === 'Adobe'
    // Browsers turn it upright; a PDF would not.
    if (marker === 0xe1 && isTurned(body)) return undefined
    at += 4 + body.length
  }
  return undefined
}

function framed(bytes: Buffer, frame: Buffer, isAdobe: boolean): PdfPicture | undefined {
  const [bits, height, width, parts] = [
    frame.readUInt8(0),
    frame.readUInt16BE(1),
    frame.readUInt16BE(3),
    frame.readUInt8(5),
  ]
  const space = SPACES[parts]
  if (bits !== 8 || height === 0 || width === 0 || space === undefined) return undefined
  // Adobe writes the four inks the other way round.
  const inks = parts === 4 && isAdobe ? ' /Decode [1 0 1 0 1 0 1 0]' : ''
  return { width, height, image: { entries: entriesOf(width, height, space, `/Filter /DCTDecode${inks}`), bytes } }
}

const ORIENTATION = 0x0112

/** Whether the camera's own notes (Exif: TIFF 6.0, section 2) say that it is to be turned. */
function isTurned(notes: Buffer): boolean {
  if (notes.toString('latin1', 0, 6) !== 'Exif\0\0') return false
  const tiff = notes.subarray(6)
  const little = tiff.toString('latin1', 0, 2) === 'II'
  const word = (at: number): number => (little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at))
  const table = little ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4)
  return Array.from({ length: word(table) }, (_, i) => table + 2 + i * 12).some(
    (entry) => word(entry) === ORIENTATION && word(entry + 8) !== 1,
  )
}
