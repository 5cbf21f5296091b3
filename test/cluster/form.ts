/** Settings that only the size of the run changes. The scenarios and their promises are the same in both forms. */
export interface Form {
  /** Settings of every instance. */
  readonly env: Readonly<Record<string, string>>
  readonly load: { readonly salesPerSecond: number; readonly lanes: number }
  /** Answers before a fault is applied. */
  readonly flowing: number
  readonly stopMs: number
  readonly outageMs: number
  readonly redisMs: number
  readonly poolerMs: number
  /** Time between the starts of a rolling restart. */
  readonly settleMs: number
  readonly connectionLimit: number
  readonly burst: number
  readonly bursts: number
  /** Adds the faults with PgBouncer in the path, and kills of a web instance and of PgBouncer. */
  readonly moreFaults: boolean
  /** Within this time the cluster must work again. */
  readonly recoveryMs: number
  /** Within this time everything in flight must end. */
  readonly settledMs: number
  readonly limitMs: number
}

const common = { connectionLimit: 20, burst: 60, settleMs: 1_200 } as const

const short: Form = {
  ...common,
  env: {
    DRAIN_DELAY_MS: '2000',
    DATABASE_STATEMENT_TIMEOUT_MS: '5000',
    DATABASE_CONNECT_TIMEOUT_MS: '3000',
    DATABASE_POOL_IDLE_MS: '1000',
  },
  load: { salesPerSecond: 5, lanes: 24 },
  flowing: 10,
  stopMs: 15_000,
  outageMs: 8_000,
  redisMs: 1_000,
  poolerMs: 4_000,
  bursts: 3,
  moreFaults: false,
  recoveryMs: 45_000,
  settledMs: 60_000,
  limitMs: 400_000,
}

const full: Form = {
  ...common,
  // The defaults of the program.
  env: { DRAIN_DELAY_MS: '2000' },
  load: { salesPerSecond: 10, lanes: 40 },
  flowing: 100,
  stopMs: 60_000,
  outageMs: 20_000,
  redisMs: 10_000,
  poolerMs: 60_000,
  bursts: 20,
  moreFaults: true,
  recoveryMs: 120_000,
  settledMs: 240_000,
  limitMs: 1_500_000,
}

/** `npm run cluster` runs the full form, `npm test` the short one. */
export const FORM = process.env['PURSER_CLUSTER'] === 'full' ? full : short
