import { z } from 'zod'
import { AppError } from '../../base/errors.ts'
import { readSources, type Sources } from './sources.ts'
import type { ConfigOf, ConfigSpec, Mode, Raw } from './spec.ts'

export interface Loaded<Specs extends readonly ConfigSpec[]> {
  /** Frozen values by module: `config.platform.port`. Secrets print as `[secret]`. */
  readonly config: { readonly [S in Specs[number] as S['module']]: ConfigOf<S> }
  /** Values from the environment and `.env`, by setting name. They override the settings store. */
  readonly given: Raw
  readonly specs: Specs
  /** Warnings to show at the start, one line each. */
  readonly warnings: readonly string[]
}

/**
 * Parses the settings of all modules. Throws `platform.bad-config` with one line per problem. It reports all problems at once, so that
 * an operator needs only one restart.
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
      `The environment has no provider key in ${mode} mode. Only rails with keys in the settings store can take money.`,
    )
  }
  if (!raw.has('PURSER_MODE') && hasCredential(specs, raw)) {
    warnings.push(
      'Provider keys are set but PURSER_MODE is not. The sandbox ignores them and takes no money. Set PURSER_MODE=test or live.',
    )
  }
  return Object.freeze({ config: Object.freeze(config) as Loaded<Specs>['config'], given: raw, specs, warnings })
}

/** Returns whether a provider credential is set. Secrets that can also be set at run time are the provider credentials. */
const hasCredential = (specs: readonly ConfigSpec[], raw: Raw): boolean =>
  specs.some((spec) => Object.values(spec.settings).some((one) => one.secret && one.runtime && raw.has(one.name)))
