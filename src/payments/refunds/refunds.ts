import type { Context } from '../context.ts'
import { toRefund } from '../reservations/refund.ts'
import { cancelRefund } from './cancel.ts'
import { claimRefund, findClaim } from './claims.ts'
import { createRefund } from './create.ts'
import { loadRefund, pageOfRefunds } from './read.ts'
import { listWaitingRefunds, resolveRefund } from './resolve.ts'
import type { Refunds } from './types.ts'

/** Creates the access to refunds: money that returns to payers, to the original payment method or by a refund link. */
export const createRefunds = (context: Context): Refunds => ({
  create: async (input) => {
    const { row, replayed } = await createRefund(context, input)
    return { refund: toRefund(context, row), replayed }
  },
  find: (q, { id, merchantId }) => loadRefund(context, q, id, merchantId),
  list: (q, query) => pageOfRefunds(context, q, query),
  cancel: async (by) => toRefund(context, await cancelRefund(context, by)),
  findClaim: (q, by) => findClaim(context, q, by),
  claim: (by) => claimRefund(context, by),
  resolve: async (input) => toRefund(context, await resolveRefund(context, input)),
  listWaiting: (q) => listWaitingRefunds(context, q),
})
