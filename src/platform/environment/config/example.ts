import type { ConfigSpec, Setting } from './spec.ts'

/** Renders `.env.example`: every setting by module, commented out, with its doc and its example or default value. */
export function renderEnvExample(specs: readonly ConfigSpec[]): string {
  const head = `# Settings of Purser, generated from the code by \`npm run generate\`. Copy this file to .env and uncomment the settings you change.
# The environment overrides .env. A secret can be read from a file: NAME_FILE=/path. "in the product" = can also be set at run time.`
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

/** Returns the default of a setting as text. Empty for secrets and settings without a default. */
export function defaultText(one: Setting): string {
  const result = one.schema.safeParse(undefined)
  if (!result.success || one.secret) return ''
  return ['string', 'number', 'boolean'].includes(typeof result.data) ? String(result.data) : ''
}
