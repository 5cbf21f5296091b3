/**
 * Readable shades of a merchant's colour: contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) wherever the pages use it, on light and dark
 * backgrounds. The merchant's own shade is used if its contrast suffices, else the nearest lighter or darker one.
 */

type Rgb = readonly [number, number, number]

export interface Shades {
  /** Background of buttons, and colour of text on the page. */
  readonly main: string
  /** Text on `main`. */
  readonly ink: string
}

/** Backgrounds of text in the merchant's colour, from `base.css`: the paper and its tint. */
const LIGHT: readonly Rgb[] = [
  [0xff, 0xff, 0xff],
  [0xee, 0xf1, 0xf6],
]
const DARK: readonly Rgb[] = [
  [0x18, 0x21, 0x32],
  [0x13, 0x1b, 0x2a],
  [0x33, 0x3d, 0x52],
]
const WHITE: Rgb = [255, 255, 255]
const BLACK: Rgb = [0, 0, 0]
/** Slightly above the required 4.5, because shades are rounded. */
const MIN_CONTRAST = 4.6
const STEPS = 50

const parse = (colour: string): Rgb => {
  const value = Number.parseInt(colour.slice(1), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}
const show = (rgb: Rgb): string => `#${rgb.map((each) => each.toString(16).padStart(2, '0')).join('')}`

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((each) => {
    const part = each / 255
    return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

/** Returns the WCAG contrast ratio, 1 to 21. */
function contrast(a: Rgb, b: Rgb): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

const mix = (from: Rgb, to: Rgb, share: number): Rgb =>
  from.map((each, i) => Math.round(each + ((to[i] ?? 0) - each) * share)) as unknown as Rgb

function shadeOn(colour: Rgb, grounds: readonly Rgb[], towards: Rgb): Shades {
  let main = colour
  for (let step = 0; step <= STEPS; step++) {
    main = mix(colour, towards, step / STEPS)
    if (grounds.every((ground) => contrast(main, ground) >= MIN_CONTRAST)) break
  }
  const ink = contrast(main, WHITE) >= contrast(main, BLACK) ? WHITE : BLACK
  return { main: show(main), ink: show(ink) }
}

/** Returns readable shades for light and dark mode. @param colour `#rrggbb` */
export const shadesOf = (colour: string): { light: Shades; dark: Shades } => ({
  light: shadeOn(parse(colour), LIGHT, BLACK),
  dark: shadeOn(parse(colour), DARK, WHITE),
})

/** Returns CSS that replaces the default colour of the pages. @param colour `#rrggbb` */
export function renderColourStyle(colour: string): string {
  const { light, dark } = shadesOf(colour)
  const put = ({ main, ink }: Shades, ground: string): string =>
    `:root{--main:${main};--main-ink:${ink};--good-ground:var(--${ground})}`
  return `${put(light, 'ground')}\n@media (prefers-color-scheme:dark){${put(dark, 'line')}}\n`
}

/** Returns the contrast ratio of two colours written as `#rrggbb`. For tests. */
export const contrastOf = (a: string, b: string): number => contrast(parse(a), parse(b))
