import type { ConfigSpec, Setting } from './spec.ts'

/** The text of `.env.example`: every setting by module with its doc, commented out, its default or an example as the value. */
export function renderEnvExample(specs: readonly ConfigSpec[]): string {
  const head = `# Settings of Purser, generated from the code: npm run generate. Copy to .env and uncomment what you change.
# The environment wins over .env. A secret can come from a file: NAME_FILE=/path. "in the product" = can also be set while it runs.`
  const groups = specs.map(
    (spec) => `# ${spec.module}\n\n${Object.values(spec.settings).map(renderSetting).join('\n\n')}`,
  )
  return `${[head, ...groups].join('\n\n')}\n`
}

function renderSetting(one: Setting): string {
  const notes = [
    one.secret ? 'secret' : '',
    one.runtime ? 'in the product' : '',
    one.aliases.length > 0 ? `also ${one.aliases.join(', ')}` : '',
  ].filter(Boolean)
  return `# ${one.doc}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}\n# ${one.name}=${one.example ?? defaultText(one)}`
}

/** The default of a setting as text; empty for secrets and where there is none. */
export function defaultText(one: Setting): string {
  const result = one.schema.safeParse(undefined)
  if (!result.success || one.secret) return ''
  return ['string', 'number', 'boolean'].includes(typeof result.data) ? String(result.data) : ''
}
