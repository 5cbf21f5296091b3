import { isDatabaseUnavailable } from '#platform/database/db'
import { FetchError } from '#platform/web/fetch'
import type { DueQueue } from '#platform/runtime/jobs'
import type { RefundOutcome } from '#rails/contract'
import { backOff } from '../../attempts/schedule.ts'
import { type Context, railOf, REFUNDS_QUEUE } from '../../context.ts'
import { endClaim } from '../../reservations/cancel.ts'
import { claimDueRefunds, type HeldRefund, postponeRefund, type RefundRow, REFUNDS } from '../../store/refunds.ts'
import { recordRefund } from './record.ts'
import { nextRefundCheckAt } from './schedule.ts'
import { refundRefOf, submitRefund } from './send.ts'

/** Queue of refunds that are due. It polls every pending refund, because an event may never arrive. */
export function refundsQueue(context: Context): DueQueue<RefundRow> {
  return {
    name: REFUNDS_QUEUE,
    concurrency: 4,
    batch: 16,
    idleMs: 500,
    claims: REFUNDS,
    claim: (limit, now, holder) => claimDueRefunds(context.db, limit, now, holder),
    handle: (row) => processOrBackOff(context, row),
  }
}

/** Processes a due refund, and retries with backoff when it throws. Such errors are Purser's, not the provider's. */
async function processOrBackOff(context: Context, row: RefundRow): Promise<void> {
  try {
    await processDueRefund(context, row)
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error
    const { id: refundId, rail, checks } = row
    context.log.error({ refundId, rail, checks, error }, 'refund could not be processed')
    await postponeRefund(context.db, { ...row, checks: checks + 1, dueAt: backOff(checks, context.clock.now()) })
  }
}

async function processDueRefund(context: Context, row: RefundRow): Promise<void> {
  switch (row.state) {
    case 'created':
      await sendRefund(context, row)
      return
    case 'submitting': {
      // The process that called the rail died, and the call may have reached it. From now on the refund is polled and never sent again.
      const outcome = { kind: 'interrupted' as const, why: 'no answer was recorded' }
      const { row: after } = await recordRefund(context, { refund: row, outcome, from: 'event', held: row })
      if (after.claim === row.claim) await checkRefund(context, after)
      return
    }
    case 'pending':
    case 'unknown':
      await checkRefund(context, row)
      return
    case 'claimable':
      // The link expired without a destination.
      await endClaim(context, row, 'expired')
      return
    case 'succeeded':
    case 'failed':
    case 'canceled':
    case 'expired':
      await postponeRefund(context.db, { ...row, dueAt: null })
  }
}

/** Sends a refund that this process has claimed, and queries the provider when a late answer contradicts the refund. */
async function sendRefund(context: Context, held: HeldRefund): Promise<RefundRow> {
  const { row, refused } = await submitRefund(context, held)
  if (refused === 'conflict') await checkRefund(context, row, 'answer')
  return row
}

/** Sends a refund for a request. After an error of Purser the queue takes it over. */
export async function sendOrGiveBack(context: Context, row: RefundRow): Promise<RefundRow> {
  try {
    return await sendRefund(context, row)
  } catch (error) {
    context.jobs().giveBack(REFUNDS, row)
    throw error
  }
}

/** Queries the provider and records the answer. Errors of the provider never fail a refund. */
export async function checkRefund(context: Context, row: RefundRow, from: 'check' | 'answer' = 'check'): Promise<void> {
  const outcome = await askAboutRefund(context, row)
  const { sending, rail } = row
  if (outcome)
    await recordRefund(context, {
      refund: row,
      outcome,
      from,
      sending,
      rail: rail ?? undefined,
      held: from === 'check' ? row : undefined,
    })
  else if (from === 'check') {
    const checks = row.checks + 1
    await postponeRefund(context.db, {
      id: row.id,
      claim: row.claim,
      checks,
      dueAt: nextRefundCheckAt(context, { ...row, checks }, context.clock.now()),
    })
  }
}

/** Returns the rail's answer; undefined when the query failed. No transaction is open meanwhile. */
async function askAboutRefund(context: Context, row: RefundRow): Promise<RefundOutcome | undefined> {
  const refunding = railOf(context, row.rail ?? '')?.refund
  // The operator reports the result of a manual refund.
  if (!refunding) return undefined
  const { id: refundId, rail } = row
  try {
    const outcome = await refunding.check(await refundRefOf(context, row))
    context.meters.checks.inc({ rail: rail ?? '', answer: outcome.kind })
    return outcome
  } catch (error) {
    context.meters.checks.inc({ rail: rail ?? '', answer: 'error' })
    const code = error instanceof FetchError ? error.code : error
    context.log.warn({ refundId, rail, error: code }, 'refund query failed')
    return undefined
  }
}
