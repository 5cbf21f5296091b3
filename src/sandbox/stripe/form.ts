/** A form value: text, or a group of values. A list is a group with the names 0, 1, 2 … */
export type FormValue = string | FormGroup
export type FormGroup = Map<string, FormValue>

const FIELDS = 200
const DEPTH = 6

/** Parses `a[b][0][c]=d` as Stripe does. Throws RangeError when the form is too large, too deep or contradictory. */
export function parseForm(body: string): FormGroup {
  const root: FormGroup = new Map()
  const fields = [...new URLSearchParams(body)]
  if (fields.length > FIELDS) throw new RangeError('Too many parameters')
  for (const [name, value] of fields) put(root, parsePath(name), value)
  return root
}

/** Converts a form value to plain objects and lists, for a schema. */
export function toPlain(value: FormValue): unknown {
  if (typeof value === 'string') return value
  const entries = [...value].map(([name, inner]) => [name, toPlain(inner)] as const)
  return entries.every(([name]) => /^\d+$/.test(name)) && entries.length > 0
    ? entries.map(([, inner]) => inner)
    : Object.fromEntries(entries)
}

function parsePath(name: string): string[] {
  const [head = ''] = name.split('[', 1)
  const rest = [...name.slice(head.length).matchAll(/\[([^[\]]*)\]/g)].map(([, part = '']) => part)
  if (head === '' || rest.length >= DEPTH) throw new RangeError(`Invalid parameter ${name.slice(0, 80)}`)
  return [head, ...rest]
}

function put(group: FormGroup, [name = '', ...rest]: readonly string[], value: string): void {
  const key = name === '' ? String(group.size) : name
  if (rest.length === 0) {
    group.set(key, value)
    return
  }
  const inner = group.get(key) ?? new Map<string, FormValue>()
  if (typeof inner === 'string') throw new RangeError(`Parameter ${key} is both a value and a group`)
  group.set(key, inner)
  put(inner, rest, value)
}
