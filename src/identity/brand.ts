import { createHash } from 'node:crypto'
import type { Tx } from '#platform/database/db'
import { badInput } from './errors.ts'
import type { Brand } from './types.ts'
import { deleteLogoIfUnused, insertLogo } from './store/logos.ts'

const COLOUR = /^#?([0-9a-f]{6})$/i
const LOGO_BYTES_AT_MOST = 100 * 1024

/** Normalizes `0B6B4F` and `#0b6b4f` to `#0b6b4f`. The page itself picks readable shades of the colour. */
function parseColour(text: string): string {
  const [, digits] = COLOUR.exec(text.trim()) ?? []
  if (digits === undefined) throw badInput('colour', `${text.slice(0, 20)} is not a colour: write it as #0b6b4f.`)
  return `#${digits.toLowerCase()}`
}

interface Kind {
  readonly type: string
  readonly ending: string
  fits(bytes: Buffer): boolean
}

/** Picture formats, recognized by content, because a name or header can lie. SVG is excluded: it can contain scripts. */
const KINDS: readonly Kind[] = [
  {
    type: 'image/png',
    ending: 'png',
    fits: (bytes) => bytes.subarray(0, 8).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])),
  },
  { type: 'image/jpeg', ending: 'jpg', fits: (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])) },
  {
    type: 'image/webp',
    ending: 'webp',
    fits: (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP',
  },
]

/** Stores the picture. @returns its file name, a content hash, so that browsers can cache it indefinitely */
async function storeLogo(tx: Tx, bytes: Buffer, at: Date): Promise<string> {
  if (bytes.length > LOGO_BYTES_AT_MOST) throw badInput('logo', 'A logo may have at most 100 kB. Use a smaller file.')
  const kind = KINDS.find(({ fits }) => fits(bytes))
  if (!kind) throw badInput('logo', 'A logo must be a PNG, JPEG or WebP picture.')
  const name = `${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}.${kind.ending}`
  await insertLogo(tx, { name, type: kind.type, bytes }, at)
  return name
}

/** Changes to a brand. Undefined keeps a value, null removes it. */
export interface BrandChange {
  readonly colour?: string | null | undefined
  readonly logo?: Buffer | null | undefined
}

/** Returns the brand after the change. */
export async function applyBrandChange(tx: Tx, before: Brand, { colour, logo }: BrandChange, at: Date): Promise<Brand> {
  return {
    colour: colour === undefined ? before.colour : colour === null ? null : parseColour(colour),
    logo: logo === undefined ? before.logo : logo === null ? null : await storeLogo(tx, logo, at),
  }
}

/** Deletes the previous logo when the change replaced it and no other brand uses it. Call it after writing the change. */
export async function deleteUnusedLogo(tx: Tx, before: Brand, after: Brand): Promise<void> {
  if (before.logo !== null && before.logo !== after.logo) await deleteLogoIfUnused(tx, before.logo)
}
