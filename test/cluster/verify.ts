import { rawSql, type Db } from '#platform/database/db'
import { waitFor } from '../wait.ts'
import { call } from './client.ts'
import type { Cluster } from './cluster.ts'
import type { Sale } from './load.ts'

/** Result of reading the databases after all faults. */
export interface Verdict {
  /** One sentence per violated promise. */
  readonly problems: string[]
  readonly payments: number
  readonly paid: number
  readonly refunds: number
  readonly webhookEvents: number
  /** Attempts whose push response was interrupted by a fault and whose callback is lost: nothing links their money. */
  readonly unlinked: number
}

type Row = Record<string, any>

/** Attempts that no answer can resolve. They wait for a callback that the simulated phone never sends. */
const UNLINKED = `state in ('unknown', 'abandoned') and reference is null and payer ->> 'phone' = '254700000005'`

/** Waits until nothing is in flight, then compares the acknowledged objects, the database and the providers. */
export async function verify(cluster: Cluster, sales: readonly Sale[], limitMs: number): Promise<Verdict> {
  const purser = (text: string, values: unknown[] = []): Promise<Row[]> =>
    cluster.primary.query<Row>(text, values, 'purser')
  const unfinished = await waitUntilSettled(purser, cluster.providers.owner, limitMs)
  const [books, provider] = [await readBooks(purser), await readProvider(cluster.providers.owner)]
  const problems = [
    ...unfinished,
    ...findLost(books, sales),
    ...findDoubled(books, provider, sales),
    ...compareMoney(books, provider),
    ...(await compareBalance(cluster, books)),
    ...compareEvents(books),
  ]
  return {
    problems,
    payments: books.intents.length,
    paid: books.receipts.length,
    refunds: books.refunds.length,
    webhookEvents: books.events.length,
    unlinked: books.unlinked.size,
  }
}

type Ask = (text: string, values?: unknown[]) => Promise<Row[]>

/** Returns what is still in flight after the limit. */
async function waitUntilSettled(purser: Ask, providers: Db, limitMs: number): Promise<string[]> {
  let left: string[] = []
  const read = async (): Promise<boolean> => {
    const [timers] = await providers.many<Row>(
      rawSql(
        `select count(*)::int as count from sandbox.timers where kind in ('prompt', 'callback', 'payout', 'result')`,
      ),
    )
    const [row = {}] = await purser(`select
      (select count(*)::int from payments.attempts where state in ('created', 'submitting', 'pending', 'unknown') and not (${UNLINKED})) as attempts,
      (select count(*)::int from inbox.events where state = 'new') as events,
      (select count(*)::int from payments.refunds where state in ('created', 'submitting', 'pending', 'unknown')) as refunds,
      (select count(*)::int from platform.outbox) as outbox,
      (select count(*)::int from graphile_worker._private_jobs where attempts < max_attempts) as jobs`)
    const counts = { ...row, timers: timers?.['count'] ?? 0 }
    left = Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`still in flight: ${count} ${name}`] : []))
    return left.length === 0
  }
  await waitFor('everything to be settled', read, limitMs).catch(() => undefined)
  return left
}

interface Books {
  readonly intents: Row[]
  readonly attempts: Row[]
  readonly receipts: Row[]
  readonly refunds: Row[]
  readonly events: Row[]
  readonly unlinked: ReadonlySet<string>
}

async function readBooks(purser: Ask): Promise<Books> {
  const unlinked = await purser(`select id from payments.attempts where ${UNLINKED}`)
  return {
    intents: await purser('select id, reference, status::text, received::text from payments.intents'),
    attempts: await purser('select id, intent_id, state from payments.attempts'),
    receipts: await purser(`select r.provider_id, r.attempt_id, r.intent_id, s.counted::text
      from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id`),
    refunds: await purser('select id, state, amount::text from payments.refunds'),
    events: await purser(`select type, object_id, version from webhooks.events`),
    unlinked: new Set(unlinked.map(({ id }) => id)),
  }
}

interface Provider {
  readonly prompts: Row[]
  readonly payouts: Row[]
}

const readProvider = async (db: Db): Promise<Provider> => ({
  prompts: await db.many<Row>(
    rawSql(
      `select id, substring(callback_url from 'att_\\w+') as attempt, paid_shillings::text as paid, result_code from sandbox.prompts`,
    ),
  ),
  payouts: await db.many<Row>(
    rawSql(`select regexp_replace(id, '-\\d+$', '') as refund, shillings::text, result_code from sandbox.payouts`),
  ),
})

function findLost({ intents, attempts, refunds }: Books, sales: readonly Sale[]): string[] {
  const known = new Set([...intents, ...attempts, ...refunds].map(({ id }) => id))
  const isLost = (id: string | undefined): id is string => id !== undefined && !known.has(id)
  return sales
    .flatMap(({ id, attemptId, refundId }) => [id, attemptId, refundId])
    .filter(isLost)
    .map((id) => `lost: ${id} was acknowledged`)
}

const listRepeated = (values: readonly (string | null)[]): string[] => {
  const seen = new Set<string | null>()
  return [...new Set(values.filter((value) => seen.has(value) || !seen.add(value)))].map(String)
}

function findDoubled(books: Books, { prompts, payouts }: Provider, sales: readonly Sale[]): string[] {
  const references = new Set(sales.map(({ reference }) => reference))
  const created = books.intents.map(({ reference }) => reference).filter((reference) => references.has(reference))
  const named = (what: string, values: readonly string[]): string[] =>
    listRepeated(values).map((value) => `doubled: ${what} ${value}`)
  return [
    ...named('payment', created),
    ...named(
      'prompt of',
      prompts.map(({ attempt }) => attempt),
    ),
    ...named(
      'receipt',
      books.receipts.map(({ provider_id: id }) => id),
    ),
    ...named(
      'receipt of',
      books.receipts.map(({ attempt_id: id }) => id),
    ),
    ...named(
      'payout of',
      payouts.map(({ refund }) => refund),
    ),
    ...named(
      'event',
      books.events.map(({ type, object_id: id, version }) => `${type} ${id} ${version}`),
    ),
  ]
}

/** Each shilling that a phone paid is one receipt, and each payout belongs to a refund that succeeded. */
function compareMoney(books: Books, { prompts, payouts }: Provider): string[] {
  const counted = new Map(books.receipts.map(({ provider_id: id, counted: amount }) => [id, BigInt(amount)]))
  const paid = prompts.filter(({ result_code: code }) => code === '0')
  const problems: string[] = []
  for (const { id, attempt, paid: shillings } of paid) {
    const amount = counted.get(id)
    if (amount === undefined && books.unlinked.has(attempt)) continue
    if (amount !== BigInt(shillings) * 100n)
      problems.push(`${attempt}: paid ${shillings}, counted ${amount ?? 'nothing'}`)
  }
  const paidIds = new Set(paid.map(({ id }) => id))
  for (const id of counted.keys()) if (!paidIds.has(id)) problems.push(`${id} is counted, but no phone paid it`)
  const arrived = new Set(payouts.filter(({ result_code: code }) => code === '0').map(({ refund }) => refund))
  for (const { id, state } of books.refunds) {
    if (arrived.has(id) !== (state === 'succeeded'))
      problems.push(`refund ${id} is ${state}, at the provider it ${arrived.has(id) ? 'arrived' : 'did not arrive'}`)
  }
  return problems
}

/** The merchant's balance is the sum of the receipts, less the refunds. */
async function compareBalance({ url, key }: Cluster, { receipts, refunds }: Books): Promise<string[]> {
  const out = refunds.filter(({ state }) => state !== 'failed').reduce((sum, { amount }) => sum + BigInt(amount), 0n)
  const total = receipts.reduce((sum, { counted }) => sum + BigInt(counted), 0n) - out
  const { body } = await call(url, key, { method: 'GET', path: '/api/v1/balance', timeoutMs: 15_000 })
  const available = body.balances?.find(({ currency }: Row) => currency === 'KES')?.available
  const expected = `${total / 100n}.00`
  return available === expected ? [] : [`the balance is ${available ?? 'unknown'}, the receipts say ${expected}`]
}

/** Each paid payment has published exactly one event of its payment. */
function compareEvents({ intents, events, refunds }: Books): string[] {
  const of = (type: string): string[] => events.filter((event) => event['type'] === type).map(({ object_id: id }) => id)
  const compare = (type: string, ids: readonly string[]): string[] => {
    const published = of(type)
    const missing = ids.filter((id) => !published.includes(id))
    return [
      ...missing.slice(0, 3).map((id) => `no event ${type} for ${id} (${missing.length} are missing)`),
      ...listRepeated(published).map((id) => `doubled: event ${type} for ${id}`),
    ]
  }
  return [
    ...compare(
      'payment.paid',
      intents.filter(({ status }) => status === 'paid').map(({ id }) => id),
    ),
    ...compare(
      'refund.succeeded',
      refunds.filter(({ state }) => state === 'succeeded').map(({ id }) => id),
    ),
  ]
}
