import type { Side } from './sides.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** Rows per statement: enough to be fast, few enough to keep PostgreSQL's memory constant. */
const BATCH = 100_000
const DAY_MS = 24 * 60 * 60_000
/** Days before now over which the payments are spread. */
const DAYS = 60

/** Renders SQL for an id as src/platform/base/ids.ts creates it: 48 bits of time in ten characters, then a hash of `n` in place of randomness. */
const renderId = (prefix: string, ms: string, n: string): string => {
  const chars = Array.from(
    { length: 10 },
    (_, i) => `substr('${ALPHABET}', ((${ms}) >> ${45 - 5 * i} & 31)::int + 1, 1)`,
  )
  return `'${prefix}_' || ${chars.join(' || ')} || substr(md5((${n})::text), 1, 16)`
}

/**
 * Inserts payments of the sandbox merchant, spread over the last 60 days, with the references `seed-1` to `seed-<count>`. Each is expired and
 * has a failed attempt. Writes the tables directly, so that a million payments take a minute, and updates statistics.
 * Throws when no merchant exists.
 */
export async function seedPayments({ ask }: Pick<Side, 'ask'>, count: number, nowMs = Date.now()): Promise<void> {
  const [merchant] = await ask<{ id: string }>('select id from identity.merchants order by created_at limit 1')
  if (!merchant) throw new Error('no merchant exists to seed payments for')
  const stepMs = Math.max(1, Math.floor((DAYS * DAY_MS) / Math.max(1, count)))
  for (let from = 1; from <= count; from += BATCH) {
    const to = Math.min(count, from + BATCH - 1)
    const ms = `${Math.floor(nowMs - stepMs * count)}::bigint + n::bigint * ${stepMs}`
    const at = `to_timestamp((${ms}) / 1000.0)`
    await ask(`insert into payments.intents (id, merchant_id, owner, account, livemode, asset, amount, status, methods, description, reference,
        customer, metadata, terms, expires_at, version, created_at, updated_at)
      select ${renderId('pay', ms, 'n')}, '${merchant.id}', 'gateway', 'merchant:${merchant.id}', false, 'KES/2', 100 * (1 + n % 5000), 'expired',
        '{mpesa,card}', 'Two cups of coffee', 'seed-' || n, '{"name": "Wanjiru", "phone": "254712345678"}', '{"shelf": "7"}',
        '{"merchantName": "Shop"}', ${at} + interval '1 hour', 3, ${at}, ${at}
      from generate_series(${from}, ${to}) n`)
    await ask(`insert into payments.attempts (id, intent_id, rail, method, kind, state, asset, amount, reference, payer, return_url, reason, created_at,
        submitted_at, ended_at)
      select ${renderId('att', ms, 'n')}, ${renderId('pay', ms, 'n')}, 'mpesa', 'mpesa', 'push', 'failed', 'KES/2', 100 * (1 + n % 5000), 'ws_CO_' || n,
        '{"phone": "254712345678"}', 'https://shop.example', 'canceled-by-payer', ${at}, ${at}, ${at}
      from generate_series(${from}, ${to}) n`)
  }
  await ask('vacuum analyze payments.intents')
  await ask('vacuum analyze payments.attempts')
}
