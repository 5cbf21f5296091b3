import { sql } from '#platform/database/db'
import { operate } from './acts/operator.ts'
import { listRepeatedEffects, compareRefunds, compareReceipts, listUnbalancedAssets } from './books.ts'
import type { SimulationRun } from './context.ts'
import { SIM_RAILS } from './rails/index.ts'
import { confirmAll } from './rails/transfer.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** Removes all faults and advances time until everything can finish. */
export async function runToCompletion(run: SimulationRun): Promise<void> {
  const { desk } = run
  desk.clearFaults()
  desk.outward.down.clear()
  await desk.inward.release()
  await desk.pass(3 * MINUTE_MS, 15_000)
  // Mine blocks so that waiting payments confirm deeply.
  for (let blocks = 0; blocks < 9; blocks++) {
    await desk.visit('/sandbox/bitcoin/mine', { blocks: 1 })
    await desk.pass(15_000, 15_000)
  }
  await operate(run)
  await confirmAll(run)
  await desk.pass(2 * 60 * MINUTE_MS, 12 * MINUTE_MS)
  await operate(run)
  await desk.pass(4 * DAY_MS, DAY_MS / 4)
  await operate(run)
  await desk.pass(MINUTE_MS, 15_000)
}

/** Checks conditions that hold at any time. Returns one sentence per violation. */
export async function checkInvariants(
  { desk }: SimulationRun,
  env: Readonly<Record<string, string>>,
): Promise<string[]> {
  const problems = [...(await desk.world.broken()), ...(await listUnbalancedAssets(desk)), ...listRepeatedEffects(desk)]
  if (env['REFUNDS_BEYOND_BALANCE'] === 'debt') return problems
  const bare = await desk.world.app.db.many<{ id: string }>(sql`select id from payments.refunds
    where state in ('created', 'submitting', 'pending', 'unknown', 'claimable') and held < amount limit 10`)
  return [...problems, ...bare.map(({ id }) => `${id} is pending without a hold`)]
}

/** Checks everything that must hold after completion. Returns one sentence per violation. */
export async function checkFinalState(run: SimulationRun): Promise<string[]> {
  const { desk } = run
  const problems = [...(await desk.world.broken()), ...(await listUnbalancedAssets(desk)), ...listRepeatedEffects(desk)]
  for (const rail of SIM_RAILS) {
    problems.push(...(await compareReceipts(run, rail)))
    problems.push(...((await rail.listDifferences?.(desk)) ?? []))
  }
  problems.push(...(await compareRefunds(run, SIM_RAILS)), ...(await listUnfinished(run)))
  return problems
}

/** Lists objects that are still pending days after the last act. */
async function listUnfinished({ desk }: SimulationRun): Promise<string[]> {
  const rows = await desk.world.app.db.many<{ id: string; state: string; why: string | null }>(sql`
    select id, status::text as state, null as why from payments.intents where status in ('open', 'processing')
    union all select id, state, why from payments.attempts where state not in ('settled', 'failed', 'abandoned')
    union all select id, state, why from payments.refunds where state not in ('succeeded', 'failed', 'canceled', 'expired')
    union all select id, state, null from payments.settlements where state = 'pending'
    union all select rail || ' ' || event_key, state::text, null from inbox.events where state = 'new'
    order by 1 limit 50`)
  return rows.map(({ id, state, why }) => `${id} is not final: ${state} ${why ?? ''}`)
}

/** Lists the final state of each payment and refund. Equal for equal seeds. */
export async function listFinalStates({ desk, payments, refunds }: SimulationRun): Promise<string[]> {
  const rows = await desk.world.app.db.many<{ id: string; end: string }>(sql`
    select i.id, concat_ws(' · ', i.status, i.amount, i.received, i.refunded,
        (select string_agg(concat(a.method, ' ', a.state), ' · ' order by a.id) from payments.attempts a where a.intent_id = i.id)) as end
      from payments.intents i
    union all select id, concat_ws(' · ', way, state, amount, rail) from payments.refunds where origin = 'merchant'`)
  const finalStates = new Map(rows.map(({ id, end }) => [id, end]))
  return [...payments, ...refunds].map(({ id }) => finalStates.get(id) ?? `${id} is missing`)
}
