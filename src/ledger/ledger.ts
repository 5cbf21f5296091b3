import type { Db } from '#platform/database/db'
import type { Cron } from '#platform/runtime/jobs'
import type { Schema } from '#platform/database/migrate'
import { invariants } from './invariants.ts'
import { declareLedgerCommands } from './commands.ts'
import type { Ledger, LedgerDeps } from './types.ts'
import { createPosting } from './posting.ts'
import { readHistory } from './history.ts'
import { seal } from './seal.ts'
import { readStatement } from './statement.ts'
import { expireHolds, findBalance, listBalances, listTotals } from './store.ts'
import { verify } from './verify.ts'

export const ledgerSchema: Schema = { name: 'ledger', folder: new URL('./migrations/', import.meta.url) }

const MAX_BALANCES = 1_000
const MAX_EXPIRED = 500

/** The ledger without its declarations for the process. */
type Books = Omit<Ledger, 'commands' | 'crons'>

export function createLedger({ clock, log, sealKey, db }: LedgerDeps): Ledger {
  const sealing = { clock, sealKey, log: log.child({ module: 'ledger' }) }
  const books: Books = {
    ...createPosting(clock),
    name: 'ledger',
    schema: ledgerSchema,
    invariants,
    expireHolds: (q, limit = MAX_EXPIRED) => expireHolds(q, clock.now(), Math.min(limit, MAX_EXPIRED)),
    async balance(q, code, asset) {
      const { posted, held } = await findBalance(q, code, asset)
      return { posted, held, available: posted - held }
    },
    balances: (q, prefix, limit = MAX_BALANCES) => listBalances(q, prefix, Math.min(limit, MAX_BALANCES)),
    statement: readStatement,
    history: readHistory,
    trialBalance: listTotals,
    seal: (tx) => seal(tx, sealing),
    verify: (q, head) => verify(q, sealKey, head),
  }
  return {
    ...books,
    commands: (program, open) => declareLedgerCommands(books, program, open),
    crons: db ? createCrons(books, db) : [],
  }
}

const createCrons = (ledger: Books, db: Db): readonly Cron[] => [
  {
    name: 'ledger.seal',
    everyMs: 60_000,
    run: async ({ signal }) => {
      while (!signal.aborted && (await db.transaction((tx) => ledger.seal(tx)))?.more) continue
    },
  },
  {
    name: 'ledger.expire-holds',
    everyMs: 15_000,
    run: async ({ signal }) => {
      while (!signal.aborted && (await ledger.expireHolds(db)) === MAX_EXPIRED) continue
    },
  },
]
