/** Text that is already HTML. A template escapes every other value. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
}

export type HtmlPart = Html | string | number | undefined | false | readonly HtmlPart[]

/** `` html`<p>${name}</p>` ``: escapes values, joins lists, and renders `undefined` and `false` as nothing. */
export const html = (strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html =>
  new Html(strings.reduce((text, string, i) => text + render(parts[i - 1]) + string))

function render(part: HtmlPart): string {
  if (part === undefined || part === false) return ''
  if (part instanceof Html) return part.text
  if (Array.isArray(part)) return part.map(render).join('')
  return String(part).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
