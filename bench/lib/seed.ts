import type { Side } from './sides.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** In one statement: enough to be fast, and PostgreSQL's memory stays as it is. */
const BATCH = 100_000
const DAY_MS = 24 * 60 * 60_000
/** Over so many days before now. */
const DAYS = 60

/** An id as src/platform/base/ids.ts makes it: 48 bits of time in ten characters, then what is random, here from a number. */
const idOf = (prefix: string, ms: string, n: string): string => {
  const chars = Array.from(
    { length: 10 },
    (_, i) => `substr('${ALPHABET}', ((${ms}) >> ${45 - 5 * i} & 31)::int + 1, 1)`,
  )
  return `'${prefix}_' || ${chars.join(' || ')} || substr(md5((${n})::text), 1, 16)`
}

/**
 * Puts payments of the sandbox's merchant into the database, spread over the last 60 days: each expired after an attempt that failed, named
 * `seed-1` to `seed-<count>`. Straight into the tables, so that a million takes a minute; statistics are fresh afterwards.
 */
export async function seedPayments({ ask }: Pick<Side, 'ask'>, count: number, nowMs = Date.now()): Promise<void> {
  const [merchant] = await ask<{ id: string }>('select id from identity.merchants order by created_at limit 1')
  if (!merchant) throw new Error('there is no merchant to seed payments for')
  const stepMs = Math.max(1, Math.floor((DAYS * DAY_MS) / Math.max(1, count)))
  for (let from = 1; from <= count; from += BATCH) {
    const to = Math.min(count, from + BATCH - 1)
    const ms = `${Math.floor(nowMs - stepMs * count)}::bigint + n::bigint * ${stepMs}`
    const at = `to_timestamp((${ms}) / 1000.0)`
    await ask(`insert into payments.intents (id, merchant_id, owner, account, livemode, asset, amount, status, methods, description, reference,
        customer, metadata, terms, expires_at, version, created_at, updated_at)
      select ${idOf('pay', ms, 'n')}, '${merchant.id}', 'gateway', 'merchant:${merchant.id}', false, 'KES/2', 100 * (1 + n % 5000), 'expired',
        '{mpesa,card}', 'Two cups of coffee', 'seed-' || n, '{"name": "Wanjiru", "phone": "254712345678"}', '{"shelf": "7"}',
        '{"merchantName": "Shop"}', ${at} + interval '1 hour', 3, ${at}, ${at}
      from generate_series(${from}, ${to}) n`)
    await ask(`insert into payments.attempts (id, intent_id, rail, method, kind, state, asset, amount, reference, payer, return_url, reason, created_at,
        submitted_at, ended_at)
      select ${idOf('att', ms, 'n')}, ${idOf('pay', ms, 'n')}, 'mpesa', 'mpesa', 'push', 'failed', 'KES/2', 100 * (1 + n % 5000), 'ws_CO_' || n,
        '{"phone": "254712345678"}', 'https://shop.example', 'canceled-by-payer', ${at}, ${at}, ${at}
      from generate_series(${from}, ${to}) n`)
  }
  await ask('vacuum analyze payments.intents')
  await ask('vacuum analyze payments.attempts')
}
