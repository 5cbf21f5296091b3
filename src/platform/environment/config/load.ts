import { z } from 'zod'
import { AppError } from '../../base/errors.ts'
import { readSources, type Sources } from './sources.ts'
import type { ConfigOf, ConfigSpec, Mode, Raw } from './spec.ts'

export interface Loaded<Specs extends readonly ConfigSpec[]> {
  /** Frozen values by module: `config.platform.port`. Prints with its secrets scrubbed. */
  readonly config: { readonly [S in Specs[number] as S['module']]: ConfigOf<S> }
  /** What environment and `.env` gave, by the setting's own name. The settings store lets these win. */
  readonly given: Raw
  readonly specs: Specs
  /** Lines to show at the start. */
  readonly warnings: readonly string[]
}

/**
 * Reads every setting of all modules. Throws `platform.bad-config` with one line per problem, all at once, so that an operator does
 * not mend them one start after another.
 */
export function loadConfig<const Specs extends readonly ConfigSpec[]>(specs: Specs, sources: Sources): Loaded<Specs> {
  const { raw, problems, warnings } = readSources(specs, sources)
  const mode = z
    .enum(['sandbox', 'test', 'live'])
    .catch('sandbox')
    .parse(raw.get('PURSER_MODE')?.reveal()) satisfies Mode
  const config: Record<string, unknown> = {}
  for (const spec of specs) {
    const parsed = spec.parse(raw, { mode })
    config[spec.module] = parsed.value
    problems.push(...parsed.problems)
    warnings.push(...parsed.warnings)
  }
  if (problems.length > 0) throw new AppError('platform.bad-config', 500, [...new Set(problems)].join('\n'))
  if (mode !== 'sandbox' && !hasCredential(specs, raw)) {
    warnings.push(
      `No provider key is in the environment in ${mode} mode: only those kept in the settings store can take money`,
    )
  }
  if (!raw.has('PURSER_MODE') && hasCredential(specs, raw)) {
    warnings.push(
      'Provider keys are set and PURSER_MODE is not: this is the sandbox, which uses none of them and takes no money. Set PURSER_MODE=test or live',
    )
  }
  return Object.freeze({ config: Object.freeze(config) as Loaded<Specs>['config'], given: raw, specs, warnings })
}

/** Secrets that can also be set in the product are the providers' credentials. */
const hasCredential = (specs: readonly ConfigSpec[], raw: Raw): boolean =>
  specs.some((spec) => Object.values(spec.settings).some((one) => one.secret && one.runtime && raw.has(one.name)))
