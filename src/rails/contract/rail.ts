import type { MobileCountry } from '#platform/base/phone'
import type { Asset, Money } from '#money'
import type { Clock } from '#platform/base/clock'
import type { ConfigSpec, Mode } from '#platform/environment/config'
import type { Fetch } from '#platform/web/fetch'
import type { Log } from '#platform/observe/log'
import type { AmountLimits } from './limits.ts'
import type { Collect } from './collect.ts'
import type { Refunding } from './refund.ts'
import type { Webhook } from './webhook.ts'
import type { Watch } from './watch.ts'
import type { RailStatement } from './statement.ts'

/**
 * The contract of a rail: one way to move money with one provider. A rail translates between the provider's words and ours and
 * writes nothing: no database, no ledger. An absent part means that the rail cannot do it; there are no stubs.
 */
export interface Rail {
  /** `mpesa`, `stripe`: names the webhook path, the receipts' key space and the clearing account. */
  readonly name: string
  /** What a payer chooses: `mpesa`, `card`. */
  readonly method: string
  readonly assets: readonly Asset[]
  /** Country whose mobile numbers this rail prompts and pays to. National forms such as `0712 345 678` are read as its numbers. */
  readonly phoneCountry?: MobileCountry
  /** Takes what is owed in other assets too: an attempt is then in the first of `assets`, at a rate that is locked for some minutes. */
  readonly exchanges?: boolean
  /** Why the rail cannot be used now (no keys configured, …); undefined when it can. A sentence for operators. */
  unavailable(): string | undefined
  /** Smallest and largest amount of one attempt, and the step between amounts, in minor units. */
  limits(asset: Asset): AmountLimits
  /** How much less than this amount still pays it, in minor units; nothing by default. */
  tolerance?(amount: Money): bigint
  readonly collect?: Collect
  readonly refund?: Refunding
  readonly webhook?: Webhook
  readonly watch?: Watch
  readonly statement?: RailStatement
}

/** What a rail is made of. */
export interface RailDeps<Config> {
  readonly mode: Mode
  readonly fetch: Fetch
  readonly clock: Clock
  readonly log: Log
  /** Asked at each use: the settings may change while the program runs. */
  readonly config: () => Config
}

/** The same for all rails: each finds its own settings. */
export interface RailsDeps extends Omit<RailDeps<unknown>, 'config'> {
  readonly settings: <Config>(spec: ConfigSpec<Config>) => () => Config
}

/** A rail as the list holds it: its settings, and how it is made. */
export interface RailKind {
  readonly config: ConfigSpec
  create(deps: RailsDeps): Rail
}

export const defineRail = <Config>(config: ConfigSpec<Config>, create: (deps: RailDeps<Config>) => Rail): RailKind => ({
  config,
  create: ({ settings, log, ...deps }) =>
    create({ ...deps, log: log.child({ module: `rail-${config.module}` }), config: settings(config) }),
})
