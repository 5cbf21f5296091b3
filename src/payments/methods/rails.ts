import type { Clock } from '#platform/base/clock'
import type { Rail } from '#rails/contract'
import { createBalanceRail } from './balance.ts'
import type { TransfersConfig } from './config.ts'
import { createTransferRail } from './transfer.ts'

/** The methods that are payments' own. Payers see them last. */
export const createOwnRails = ({
  clock,
  transfers,
}: {
  clock: Clock
  transfers?: () => TransfersConfig
}): readonly Rail[] => [...(transfers ? [createTransferRail(transfers)] : []), createBalanceRail(clock)]
