import { sql } from '#platform/database/db'
import { operate } from './acts/operator.ts'
import { askedTwice, compareGiven, compareTaken, unbalanced } from './books.ts'
import type { Life } from './life.ts'
import { SIM_RAILS } from './rails/index.ts'
import { confirmAll } from './rails/transfer.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** The networks are whole again, and time enough passes for everything to come to its end. */
export async function makePeace(life: Life): Promise<void> {
  const { desk } = life
  desk.calm()
  desk.outward.down.clear()
  await desk.inward.release()
  await desk.pass(3 * MINUTE_MS, 15_000)
  // Whatever waits for a block gets one, and is buried.
  for (let blocks = 0; blocks < 9; blocks++) {
    await desk.visit('/sandbox/bitcoin/mine', { blocks: 1 })
    await desk.pass(15_000, 15_000)
  }
  await operate(life)
  await confirmAll(life)
  await desk.pass(2 * 60 * MINUTE_MS, 12 * MINUTE_MS)
  await operate(life)
  await desk.pass(4 * DAY_MS, DAY_MS / 4)
  await operate(life)
  await desk.pass(MINUTE_MS, 15_000)
}

/** What holds at any time. Sentences on what does not. */
export async function lookAtBooks({ desk }: Life, env: Readonly<Record<string, string>>): Promise<string[]> {
  const problems = [...(await desk.world.broken()), ...(await unbalanced(desk)), ...askedTwice(desk)]
  if (env['REFUNDS_BEYOND_BALANCE'] === 'debt') return problems
  const bare = await desk.world.app.db.many<{ id: string }>(sql`select id from payments.refunds
    where state in ('created', 'submitting', 'pending', 'unknown', 'claimable') and held < amount limit 10`)
  return [...problems, ...bare.map(({ id }) => `${id} is under way, and nothing is held for it`)]
}

/** Everything that must be once there is peace. Sentences on what is not. */
export async function judge(life: Life): Promise<string[]> {
  const { desk } = life
  const problems = [...(await desk.world.broken()), ...(await unbalanced(desk)), ...askedTwice(desk)]
  for (const rail of SIM_RAILS) {
    problems.push(...(await compareTaken(life, rail)))
    problems.push(...((await rail.differences?.(desk)) ?? []))
  }
  problems.push(...(await compareGiven(life, SIM_RAILS)), ...(await restless(life)))
  return problems
}

/** What still waits for something, days after the last act. */
async function restless({ desk }: Life): Promise<string[]> {
  const rows = await desk.world.app.db.many<{ id: string; state: string; why: string | null }>(sql`
    select id, status::text as state, null as why from payments.intents where status in ('open', 'processing')
    union all select id, state, why from payments.attempts where state not in ('settled', 'failed', 'abandoned')
    union all select id, state, why from payments.refunds where state not in ('succeeded', 'failed', 'canceled', 'expired')
    union all select id, state, null from payments.settlements where state = 'pending'
    union all select rail || ' ' || event_key, state::text, null from inbox.events where state = 'new'
    order by 1 limit 50`)
  return rows.map(({ id, state, why }) => `${id} has not come to rest: ${state} ${why ?? ''}`)
}

/** What became of each payment and refund: the same for the same seed. */
export async function endsOf({ desk, payments, refunds }: Life): Promise<string[]> {
  const rows = await desk.world.app.db.many<{ id: string; end: string }>(sql`
    select i.id, concat_ws(' · ', i.status, i.amount, i.received, i.refunded,
        (select string_agg(concat(a.method, ' ', a.state), ' · ' order by a.id) from payments.attempts a where a.intent_id = i.id)) as end
      from payments.intents i
    union all select id, concat_ws(' · ', way, state, amount, rail) from payments.refunds where origin = 'merchant'`)
  const ends = new Map(rows.map(({ id, end }) => [id, end]))
  return [...payments, ...refunds].map(({ id }) => ends.get(id) ?? `${id} is gone`)
}
