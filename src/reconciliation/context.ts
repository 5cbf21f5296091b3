import type { Cases } from '#cases'
import type { Bookkeeping } from '#payments'
import type { Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import type { Log } from '#platform/observe/log'
import type { Rail } from '#rails/contract'

export interface ReconciliationDeps {
  readonly db: Db
  /** Rails that have a provider. */
  readonly rails: readonly Rail[]
  readonly bookkeeping: Bookkeeping
  readonly cases: Cases
  readonly clock: Clock
  readonly log: Log
  /** Time zone of business days; UTC by default. */
  readonly timeZone?: string | undefined
}

/** Dependencies that the files of this module share. */
export interface Context extends ReconciliationDeps {
  readonly timeZone: string
}

export const railOf = ({ rails }: Context, name: string): Rail | undefined => rails.find((rail) => rail.name === name)
