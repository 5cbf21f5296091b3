import type { PaymentsDeps } from '../face.ts'
import type { Rail } from '#rails/contract'
import { createBalanceRail } from './balance.ts'
import { createTransferRail } from './transfer.ts'

/** The methods that are payments' own. Payers see them last. */
export const ownRails = ({ clock, transfers }: Pick<PaymentsDeps, 'clock' | 'transfers'>): readonly Rail[] => [
  ...(transfers ? [createTransferRail(transfers)] : []),
  createBalanceRail(clock),
]
