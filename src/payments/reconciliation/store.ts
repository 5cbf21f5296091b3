import type { Asset } from '#money'
import { sql, type Queryable } from '#platform/db'
import { firstIdAt } from '#platform/ids'
import type { AttemptRow } from '../attempt-store.ts'

/** All SQL on payments.reconciliations and payments.reconciled, and what a comparison reads of our books. */

export interface RunRow {
  rail: string
  railAccount: string
  day: string
  tries: number
}

export interface RunTally {
  lines: number
  matched: number
  repaired: number
  cases: number
}

/** A day that is to be compared from `dueAt` on. One that is there already stays as it is. */
export const planRun = (q: Queryable, rail: string, day: string, dueAt: Date, now: Date): Promise<number> =>
  q.run(sql`insert into payments.reconciliations (rail, day, due_at, created_at) values (${rail}, ${day}, ${dueAt}, ${now})
    on conflict (rail, rail_account, day) do nothing`)

/** A day that is to be compared now, whether it was before or not. */
export const askRun = (q: Queryable, rail: string, day: string, now: Date): Promise<number> =>
  q.run(sql`insert into payments.reconciliations (rail, day, due_at, created_at) values (${rail}, ${day}, ${now}, ${now})
    on conflict (rail, rail_account, day) do update set due_at = ${now}, tries = 0`)

export const claimRuns = (q: Queryable, limit: number, now: Date, leaseEnd: Date): Promise<RunRow[]> =>
  q.many(sql`update payments.reconciliations set due_at = ${leaseEnd} where (rail, rail_account, day) in (
      select rail, rail_account, day from payments.reconciliations where due_at <= ${now} order by due_at limit ${limit} for update skip locked)
    returning rail, rail_account as "railAccount", day, tries`)

const THE_RUN = (run: RunRow) => sql`rail = ${run.rail} and rail_account = ${run.railAccount} and day = ${run.day}`

export const extendRun = (q: Queryable, run: RunRow, leaseEnd: Date): Promise<number> =>
  q.run(sql`update payments.reconciliations set due_at = ${leaseEnd} where ${THE_RUN(run)} and due_at is not null`)

export const finishRun = (q: Queryable, run: RunRow, tally: RunTally, now: Date): Promise<number> =>
  q.run(sql`update payments.reconciliations set due_at = null, tries = 0, problem = null, finished_at = ${now}, lines = ${tally.lines},
    matched = ${tally.matched}, repaired = ${tally.repaired}, cases = ${tally.cases} where ${THE_RUN(run)}`)

export const failRun = (q: Queryable, run: RunRow, problem: string, dueAt: Date | null): Promise<number> =>
  q.run(
    sql`update payments.reconciliations set due_at = ${dueAt}, tries = tries + 1, problem = ${problem} where ${THE_RUN(run)}`,
  )

export const listRuns = (
  q: Queryable,
  limit: number,
): Promise<(RunTally & { rail: string; day: string; finishedAt: Date | null; problem: string | null })[]> =>
  q.many(sql`select rail, day, lines, matched, repaired, cases, finished_at as "finishedAt", problem
    from payments.reconciliations order by day desc, rail limit ${limit}`)

export interface Ours {
  id: string
  providerId: string
  number: string | null
  intentId: string
  asset: Asset
  /** What is believed to have arrived, in the asset it arrived in. */
  amount: bigint
  reversed: bigint
  /** Whether `reversed` is in the asset that the money arrived in. */
  sameAsset: boolean
  takenAt: Date
}

const OURS = sql`r.id, r.provider_id as "providerId", s.number, r.intent_id as "intentId", r.asset,
    case when r.asset = i.asset then s.counted else r.gross end as amount, s.reversed + s.excess as reversed, r.asset = i.asset as "sameAsset", r.taken_at as "takenAt"
  from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id join payments.intents i on i.id = r.intent_id`

/** Our receipts by the provider's ids of them, or by the numbers that people see. */
export const findOurs = (
  q: Queryable,
  { rail, railAccount }: Pick<RunRow, 'rail' | 'railAccount'>,
  { ids, numbers }: { ids: readonly string[]; numbers: readonly string[] },
): Promise<Ours[]> =>
  q.many(sql`select ${OURS} where r.rail = ${rail} and r.rail_account = ${railAccount} and r.provider_id = any(${ids})
    union
    select ${OURS} where s.rail = ${rail} and s.rail_account = ${railAccount} and s.number = any(${numbers})`)

/** What the provider itself took back altogether, and what came back of what it took, is not money that it should list. */
const STANDING = sql`r.returns is null and not (s.reversed > s.refunded and s.reversed - s.refunded >= s.counted)`

/** Receipts of one attempt. */
export const listOursOf = (q: Queryable, attemptId: string): Promise<Ours[]> =>
  q.many(sql`select ${OURS} where r.attempt_id = ${attemptId} and ${STANDING} order by r.id limit 100`)

/** Tries of a day, after an id, that brought money or of which nobody knows whether they did. */
export const listTried = (
  q: Queryable,
  { rail, railAccount }: Pick<RunRow, 'rail' | 'railAccount'>,
  { from, to, after, limit }: { from: Date; to: Date; after: string; limit: number },
): Promise<{ id: string }[]> =>
  q.many(sql`select id from payments.attempts where rail = ${rail} and rail_account = ${railAccount} and created_at >= ${from}
      and created_at < ${to} and id > ${after} and (state in ('settled', 'abandoned') or (state = 'failed' and reason = 'expired'))
    order by id limit ${limit}`)

/** Receipts of a day that no line of the provider was found for, after an id. */
export const listUnmatched = (
  q: Queryable,
  { rail, railAccount }: Pick<RunRow, 'rail' | 'railAccount'>,
  { from, to, after, limit }: { from: Date; to: Date; after: string; limit: number },
): Promise<Ours[]> =>
  q.many(sql`select ${OURS} where r.rail = ${rail} and r.rail_account = ${railAccount} and r.taken_at >= ${from} and r.taken_at < ${to}
      and r.id > ${after} and ${STANDING} and not exists (select from payments.reconciled c where c.receipt_id = r.id)
    order by r.id limit ${limit}`)

export interface Match {
  receiptId: string
  lineId: string
  lineAt: Date
}

export const insertMatches = (q: Queryable, matches: readonly Match[], now: Date): Promise<number> =>
  q.run(sql`insert into payments.reconciled (receipt_id, line_id, line_at, created_at)
    select r, l, a, ${now} from unnest(${matches.map(({ receiptId }) => receiptId)}::text[], ${matches.map(({ lineId }) => lineId)}::text[],
      ${matches.map(({ lineAt }) => lineAt)}::timestamptz[]) m(r, l, a)
    on conflict (receipt_id) do nothing`)

/**
 * Prompts on a phone that a payment could have been the answer to: of which nobody could tell what became, or whose receipt has no number
 * yet. At most two, because only one alone says something.
 */
export const findCandidates = (
  q: Queryable,
  { rail, railAccount }: Pick<RunRow, 'rail' | 'railAccount'>,
  of: { phone: string; asset: Asset; amount: bigint; from: Date; to: Date },
): Promise<Pick<AttemptRow, 'id'>[]> =>
  q.many(sql`select a.id from payments.attempts a
    where a.kind = 'push' and a.payer ->> 'phone' = ${of.phone} and a.created_at >= ${of.from} and a.created_at < ${of.to}
      and a.rail = ${rail} and a.rail_account = ${railAccount} and a.asset = ${of.asset} and a.amount = ${of.amount}
      and (a.state in ('pending', 'unknown', 'abandoned')
        or (a.state = 'settled' and exists (select from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id
          where r.attempt_id = a.id and s.number is null)))
    limit 2`)

/** Attempts under way since before a time, after an id: they are due again and again and never end. */
export const listStuck = (
  q: Queryable,
  { rail, railAccount }: Pick<RunRow, 'rail' | 'railAccount'>,
  { before, after, limit }: { before: Date; after: string; limit: number },
): Promise<{ id: string }[]> =>
  q.many(sql`select id from payments.attempts where due_at is not null and state in ('submitting', 'pending', 'unknown')
      and rail = ${rail} and rail_account = ${railAccount} and created_at < ${before} and id > ${after} order by id limit ${limit}`)

/**
 * Whether the rail was used before a day's end: there is nothing to compare with of the time before. The index of references answers at once for
 * almost every rail; of tries whose answers were lost only those of the day itself are looked for.
 */
export const wasUsed = async (q: Queryable, rail: string, { from, to }: { from: Date; to: Date }): Promise<boolean> =>
  (
    await q.one<{ used: boolean }>(sql`select
      exists (select from payments.attempts where rail = ${rail} and reference is not null and created_at < ${to})
      or exists (select from payments.attempts where rail = ${rail} and id >= ${firstIdAt('att', from)} and id < ${firstIdAt('att', to)}) as used`)
  ).used
