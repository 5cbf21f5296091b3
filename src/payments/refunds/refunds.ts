import type { Core } from '../core.ts'
import { cancelRefund } from './cancel.ts'
import { claimRefund, findClaim } from './claims.ts'
import { createRefund } from './create.ts'
import type { Refunds } from './face.ts'
import { loadRefund, pageOfRefunds } from './read.ts'
import { listWaitingRefunds, resolveRefund } from './resolve.ts'
import { refundOf } from './tell.ts'

/** Money that goes back to payers: the way it came, or by a link where the payer says where to. */
export const createRefunds = (core: Core): Refunds => ({
  create: async (input) => {
    const { row, replayed } = await createRefund(core, input)
    return { refund: refundOf(core, row), replayed }
  },
  find: (q, { id, merchantId }) => loadRefund(core, q, id, merchantId),
  list: (q, query) => pageOfRefunds(core, q, query),
  cancel: async (by) => refundOf(core, await cancelRefund(core, by)),
  findClaim: (q, by) => findClaim(core, q, by),
  claim: (by) => claimRefund(core, by),
  resolve: async (input) => refundOf(core, await resolveRefund(core, input)),
  listWaiting: (q) => listWaitingRefunds(core, q),
})
