import { createHash } from 'node:crypto'
import type { Tx } from '#platform/database/db'
import { badInput } from './errors.ts'
import type { Brand } from './types.ts'
import { deleteLogoIfUnused, insertLogo } from './store/logos.ts'

const COLOUR = /^#?([0-9a-f]{6})$/i
const LOGO_BYTES_AT_MOST = 100 * 1024

/** `0B6B4F` and `#0b6b4f` → `#0b6b4f`. Whether it can be read is the page's care: it takes shades of it that can. */
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

/** Told by the content: a name or a header can say anything. No SVG: it can hold scripts. */
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

/** Keeps the picture. @returns its name: a hash of what it is, so that it can be kept by browsers for ever */
async function storeLogo(tx: Tx, bytes: Buffer, at: Date): Promise<string> {
  if (bytes.length > LOGO_BYTES_AT_MOST) throw badInput('logo', 'A logo has at most 100 kB: make it smaller.')
  const kind = KINDS.find(({ fits }) => fits(bytes))
  if (!kind) throw badInput('logo', 'A logo is a PNG, JPEG or WebP picture.')
  const name = `${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}.${kind.ending}`
  await insertLogo(tx, { name, type: kind.type, bytes }, at)
  return name
}

/** What to change of a brand: undefined leaves it, null takes it away. */
export interface BrandChange {
  readonly colour?: string | null | undefined
  readonly logo?: Buffer | null | undefined
}

/** The brand after the change. */
export async function applyBrandChange(tx: Tx, before: Brand, { colour, logo }: BrandChange, at: Date): Promise<Brand> {
  return {
    colour: colour === undefined ? before.colour : colour === null ? null : parseColour(colour),
    logo: logo === undefined ? before.logo : logo === null ? null : await storeLogo(tx, logo, at),
  }
}

/** Takes the picture of before away when it was changed and nobody else has it. After the change was written. */
export async function deleteUnusedLogo(tx: Tx, before: Brand, after: Brand): Promise<void> {
  if (before.logo !== null && before.logo !== after.logo) await deleteLogoIfUnused(tx, before.logo)
}
