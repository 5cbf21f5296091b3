import type { Context } from '../context.ts'
import { refundOf } from '../reservations/refund.ts'
import { cancelRefund } from './cancel.ts'
import { claimRefund, findClaim } from './claims.ts'
import { createRefund } from './create.ts'
import { loadRefund, pageOfRefunds } from './read.ts'
import { listWaitingRefunds, resolveRefund } from './resolve.ts'
import type { Refunds } from './types.ts'

/** Money that goes back to payers: the way it came, or by a link where the payer says where to. */
export const createRefunds = (context: Context): Refunds => ({
  create: async (input) => {
    const { row, replayed } = await createRefund(context, input)
    return { refund: refundOf(context, row), replayed }
  },
  find: (q, { id, merchantId }) => loadRefund(context, q, id, merchantId),
  list: (q, query) => pageOfRefunds(context, q, query),
  cancel: async (by) => refundOf(context, await cancelRefund(context, by)),
  findClaim: (q, by) => findClaim(context, q, by),
  claim: (by) => claimRefund(context, by),
  resolve: async (input) => refundOf(context, await resolveRefund(context, input)),
  listWaiting: (q) => listWaitingRefunds(context, q),
})
