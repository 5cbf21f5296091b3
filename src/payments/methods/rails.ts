import type { Clock } from '#platform/base/clock'
import type { Rail } from '#rails/contract'
import { createBalanceRail } from './balance.ts'
import type { TransfersConfig } from './config.ts'
import { createTransferRail } from './transfer.ts'

/** Creates the methods without a provider: manual transfers and prepaid balances. Payers see them last. */
export const createBuiltInRails = ({
  clock,
  transfers,
}: {
  clock: Clock
  transfers?: () => TransfersConfig
}): readonly Rail[] => [...(transfers ? [createTransferRail(transfers)] : []), createBalanceRail(clock)]
