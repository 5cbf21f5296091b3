import { InvalidArgumentError, type Command } from 'commander'
import { assetOf, formatAmount, isCurrency, type Asset } from '#money'
import { AppError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import type { Ledger } from '../types.ts'
import { readStatement } from '../statement.ts'
import { listBalances, listTotals } from '../store.ts'
import { verify } from '../verify.ts'

/** The ledger functions that the commands use. */
export type Books = Pick<Ledger, 'verify' | 'trialBalance' | 'balances' | 'statement'>

/** Declares `npx purser ledger`. */
export function addLedgerCommands(ledger: Books, group: Command, open: OpenCli): void {
  addVerify(ledger, group, open)

  group
    .command('trial-balance')
    .description('show the sum of all balances per asset, which must be zero')
    .action(async () => {
      const { db, print } = await open()
      const rows = await ledger.trialBalance(db)
      print(
        rows.map(({ asset, total, accounts }) => ({ asset, total: formatAmount({ asset, amount: total }), accounts })),
      )
    })

  group
    .command('balances')
    .description('list balances of accounts whose code starts with a prefix')
    .argument('[prefix]', 'code prefix such as merchant:mer_…:', '')
    .option('--limit <n>', 'maximum number of accounts', parseLimit, 100)
    .action(async (prefix: string, { limit }: { limit: number }) => {
      const { db, print } = await open()
      const rows = await ledger.balances(db, prefix, limit)
      print(
        rows.map(({ code, asset, posted, held }) => {
          const [balance, onHold] = [posted, held].map((amount) => formatAmount({ asset, amount }))
          return { code, asset, balance, held: onHold }
        }),
      )
    })

  group
    .command('statement')
    .description('list the transfers of one account, newest first')
    .argument('<code>', 'account code such as merchant:mer_…:available')
    .argument('<asset>', 'such as KES or KES/2', parseAsset)
    .option('--limit <n>', 'maximum number of transfers', parseLimit, 50)
    .option('--cursor <cursor>', 'cursor from the previous page')
    .action(async (code: string, asset: Asset, options: { limit: number; cursor?: string }) => {
      const { db, print } = await open()
      const { entries, nextCursor } = await ledger.statement(db, { code, asset, ...options })
      print(
        entries.map(({ at, direction, amount, from, to, kind, ref, id }) => ({
          at: at.toISOString(),
          in: direction === 'in' ? formatAmount({ asset, amount }) : '',
          out: direction === 'out' ? formatAmount({ asset, amount }) : '',
          other: direction === 'in' ? from : to,
          kind,
          ref,
          id,
        })),
      )
      if (nextCursor) print(`More: --cursor ${nextCursor}`)
    })
}

const MAX_BALANCES = 1000

/** Opens the commands' functions for a process without a ledger. `sealKey` is called only to verify seals. */
export const openBooks = (sealKey: () => Promise<Buffer>): Books => ({
  balances: (q, prefix, limit = MAX_BALANCES) => listBalances(q, prefix, limit),
  statement: readStatement,
  trialBalance: listTotals,
  verify: async (q, head) => verify(q, await sealKey(), head),
})

function addVerify(ledger: Books, group: Command, open: OpenCli): void {
  group
    .command('verify')
    .description('replay the chain of seals and recompute every balance')
    .option('--head <digest>', 'a digest noted earlier (log, backup) that must still be in the chain')
    .action(async ({ head }: { head?: string }) => {
      const { db, print } = await open()
      const { ok, problems, seals, sealed, transfers, head: last } = await ledger.verify(db, head)
      for (const problem of problems) print(problem)
      print(`${transfers} transfers, ${sealed} of them under ${seals} seals; head ${last ?? 'none yet'}`)
      if (!ok) {
        throw new AppError(
          'ledger.broken',
          500,
          `The ledger has ${problems.length} problems, listed above. Stop payouts and find the cause.`,
        )
      }
      print('The ledger is intact: every seal matches, and every balance is the sum of its transfers.')
    })
}

function parseLimit(text: string): number {
  if (!/^(?:[1-9]\d{0,2}|1000)$/.test(text)) throw new InvalidArgumentError('must be a number from 1 to 1000')
  return Number(text)
}

function parseAsset(text: string): Asset {
  const [currency = ''] = text.toUpperCase().split('/')
  if (!isCurrency(currency)) throw new InvalidArgumentError(`${text} is not a supported currency`)
  return assetOf(currency)
}
