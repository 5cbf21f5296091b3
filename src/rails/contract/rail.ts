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
 * A rail: one way to move money with one provider. A rail translates between the provider's API and this contract. It writes nothing: no
 * database, no ledger. Leave out the parts that the provider does not support; do not write stubs.
 */
export interface Rail {
  /** Unique name, such as `mpesa` or `stripe`. It names the webhook path, the namespace of receipt ids and the clearing account. */
  readonly name: string
  /** Payment method that a payer selects: `mpesa`, `card`. */
  readonly method: string
  /** Assets of attempts on this rail. */
  readonly assets: readonly Asset[]
  /** Country whose mobile numbers this rail prompts and pays to. National formats such as `0712 345 678` are read as numbers of it. */
  readonly phoneCountry?: MobileCountry
  /** True: the rail also collects intents in other assets. Such an attempt uses the first of `assets`, at a rate locked for some minutes. */
  readonly exchanges?: boolean
  /** Returns why the rail cannot be used now (no keys configured, …); undefined when it can. A sentence for operators that names the settings. */
  unavailable(): string | undefined
  /** Limits of one attempt, in minor units. */
  limits(asset: Asset): AmountLimits
  /** Returns the largest shortfall that still pays `amount`, in minor units. Default: 0. */
  tolerance?(amount: Money): bigint
  readonly collect?: Collect
  readonly refund?: Refunding
  readonly webhook?: Webhook
  readonly watch?: Watch
  readonly statement?: RailStatement
}

/** Dependencies of one rail. */
export interface RailDeps<Config> {
  readonly mode: Mode
  readonly fetch: Fetch
  readonly clock: Clock
  readonly log: Log
  /** Returns the current settings. Call it at each use: settings can change while the program runs. */
  readonly config: () => Config
}

/** Dependencies of all rails. Each rail reads its own settings. */
export interface RailsDeps extends Omit<RailDeps<unknown>, 'config'> {
  readonly settings: <Config>(spec: ConfigSpec<Config>) => () => Config
}

/** An entry of the rail list: the settings of a rail and its factory. */
export interface RailKind {
  readonly config: ConfigSpec
  create(deps: RailsDeps): Rail
}

/** Builds the list entry of a rail: passes it its own settings and a log named `rail-<module>`. */
export const defineRail = <Config>(config: ConfigSpec<Config>, create: (deps: RailDeps<Config>) => Rail): RailKind => ({
  config,
  create: ({ settings, log, ...deps }) =>
    create({ ...deps, log: log.child({ module: `rail-${config.module}` }), config: settings(config) }),
})
