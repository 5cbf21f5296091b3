import type { Asset, Rounding } from '#money'
import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Price } from './usd-values.ts'
import type { LastGood, AgreedPrice } from './consensus.ts'
import type { Quote } from './types.ts'

export interface SourceRow {
  readonly name: string
  readonly askedAt: Date
  readonly answeredAt: Date | null
  readonly prices: readonly Price[]
  readonly failures: number
  readonly problem: string | null
  readonly failingSince: Date | null
  readonly retryAt: Date | null
  readonly leftOut: readonly string[]
}

/**
 * Claims the sources of `names` that were not queried since `before`, and returns them. The caller queries them, and no other instance does. Times
 * later than `after` are ignored: a wrong clock wrote them.
 */
export async function claimSources(
  q: Queryable,
  names: readonly string[],
  { now, before, after }: { now: Date; before: Date; after: Date },
): Promise<string[]> {
  const rows = await q.many<{ name: string }>(sql`insert into rates.sources as s (name, asked_at)
    select name, ${now} from unnest(${names}::text[]) as name order by name
    on conflict (name) do update set asked_at = excluded.asked_at
      where (s.asked_at <= ${before} or s.asked_at > ${after}) and (s.retry_at is null or s.retry_at <= ${now})
    returning name`)
  return rows.map(({ name }) => name)
}

export async function saveAnswer(q: Queryable, name: string, prices: readonly Price[], now: Date): Promise<void> {
  await q.run(sql`update rates.sources set answered_at = ${now}, prices = ${JSON.stringify(prices)}, failures = 0,
    problem = null, failing_since = null, retry_at = null where name = ${name}`)
}

export async function saveFailure(
  q: Queryable,
  name: string,
  { problem, now, retryAt }: { problem: string; now: Date; retryAt: Date | null },
): Promise<void> {
  await q.run(sql`update rates.sources set failures = failures + 1, problem = ${problem},
    failing_since = coalesce(failing_since, ${now}), retry_at = ${retryAt} where name = ${name}`)
}

export async function saveLeftOut(tx: Tx, name: string, currencies: readonly string[]): Promise<void> {
  await tx.run(sql`update rates.sources set left_out = ${currencies} where name = ${name}`)
}

interface StoredSource extends Omit<SourceRow, 'prices'> {
  readonly prices: readonly (Omit<Price, 'at'> & { at: string })[]
}

const readSources = ({ prices, ...row }: StoredSource): SourceRow => ({
  ...row,
  prices: prices.map((price) => ({ ...price, at: new Date(price.at) })),
})

const SOURCE = sql`select name, asked_at as "askedAt", answered_at as "answeredAt", prices, failures, problem,
  failing_since as "failingSince", retry_at as "retryAt", left_out as "leftOut" from rates.sources`

export async function listSources(q: Queryable): Promise<SourceRow[]> {
  return (await q.many<StoredSource>(sql`${SOURCE} order by name limit 20`)).map(readSources)
}

/** Locks the sources and returns them, so that one instance at a time computes the consensus. */
export async function lockSources(tx: Tx): Promise<SourceRow[]> {
  return (await tx.many<StoredSource>(sql`${SOURCE} order by name limit 20 for update`)).map(readSources)
}

interface StoredValue {
  readonly currency: string
  readonly numerator: bigint
  readonly denominator: bigint
  readonly at: Date
  readonly sources: readonly string[]
  readonly agreedNumerator: bigint | null
  readonly agreedDenominator: bigint | null
  readonly agreedAt: Date | null
}

const readValue = ({ numerator, denominator, at, sources, ...agreed }: StoredValue): LastGood => ({
  ...{ value: { numerator, denominator }, at, sources },
  ...(agreed.agreedNumerator !== null &&
    agreed.agreedDenominator !== null &&
    agreed.agreedAt && {
      agreed: {
        value: { numerator: agreed.agreedNumerator, denominator: agreed.agreedDenominator },
        at: agreed.agreedAt,
      },
    }),
})

/** Returns the last good values in USD, for these currencies or for all. */
export async function listValues(q: Queryable, currencies?: readonly string[]): Promise<ReadonlyMap<string, LastGood>> {
  const rows = await q.many<StoredValue>(sql`select currency, numerator, denominator, at, sources,
      agreed_numerator as "agreedNumerator", agreed_denominator as "agreedDenominator", agreed_at as "agreedAt" from rates.last_good
    where ${currencies ?? null}::text[] is null or currency = any(${currencies ?? null}) order by currency limit 200`)
  return new Map(rows.map((row) => [row.currency, readValue(row)]))
}

export async function saveValues(tx: Tx, values: ReadonlyMap<string, AgreedPrice>): Promise<void> {
  const rows = [...values].map(([currency, { value, at, sources }]) => ({
    currency,
    numerator: value.numerator.toString(),
    denominator: value.denominator.toString(),
    at: at.toISOString(),
    sources,
  }))
  await tx.run(sql`insert into rates.last_good (currency, numerator, denominator, at, sources)
    select currency, numerator, denominator, at, array(select jsonb_array_elements_text(sources))
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as row (currency text, numerator numeric, denominator numeric, at timestamptz, sources jsonb)
    on conflict (currency) do update set numerator = excluded.numerator, denominator = excluded.denominator,
      at = excluded.at, sources = excluded.sources`)
  await tx.run(sql`update rates.last_good set agreed_numerator = numerator, agreed_denominator = denominator, agreed_at = at
    where currency = any(${[...values.keys()]}) and cardinality(sources) > 1`)
}

export async function insertQuote(q: Queryable, quote: Quote): Promise<void> {
  const { rate, from, amount, spread } = quote
  await q.run(sql`insert into rates.quotes (id, from_asset, from_amount, to_asset, to_amount, spread_amount, spread_bps,
      rounding, numerator, denominator, sources, rate_at, created_at, expires_at)
    values (${quote.id}, ${from.asset}, ${from.amount}, ${amount.asset}, ${amount.amount}, ${spread.amount},
      ${quote.spreadBps}, ${quote.rounding}, ${rate.value.numerator}, ${rate.value.denominator}, ${rate.sources},
      ${rate.at}, ${quote.createdAt}, ${quote.expiresAt})`)
}

interface StoredQuote {
  readonly id: string
  readonly fromAsset: Asset
  readonly fromAmount: bigint
  readonly toAsset: Asset
  readonly toAmount: bigint
  readonly spreadAmount: bigint
  readonly spreadBps: number
  readonly rounding: Rounding
  readonly numerator: bigint
  readonly denominator: bigint
  readonly sources: readonly string[]
  readonly rateAt: Date
  readonly createdAt: Date
  readonly expiresAt: Date
}

export const findQuoteRow = (q: Queryable, id: string): Promise<StoredQuote | undefined> =>
  q.maybe<StoredQuote>(sql`select id, from_asset as "fromAsset", from_amount as "fromAmount", to_asset as "toAsset",
      to_amount as "toAmount", spread_amount as "spreadAmount", spread_bps as "spreadBps", rounding, numerator,
      denominator, sources, rate_at as "rateAt", created_at as "createdAt", expires_at as "expiresAt"
    from rates.quotes where id = ${id}`)

/**
 * Deletes quotes created before a time.
 * @returns number of deleted quotes; fewer than `limit` after the last one
 */
export const deleteQuotes = (q: Queryable, before: Date, limit: number): Promise<number> =>
  q.run(sql`delete from rates.quotes where id in (
    select id from rates.quotes where created_at < ${before} order by created_at limit ${limit})`)
