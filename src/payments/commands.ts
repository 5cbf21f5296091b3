import type { Command } from 'commander'
import { AppError } from '#platform/errors'
import type { OpenCli } from '#platform/module'
import { transferCommands } from './methods/commands.ts'
import { refundCommands } from './refunds/commands.ts'
import { forgetCursor, sweepOf } from './store/watching.ts'
import type { Payments } from './types.ts'

/** `purser payments …` and `purser reconcile …`: what waits for a person. */
export function paymentsCommands(program: Command, open: OpenCli, openPayments: () => Promise<Payments>): void {
  const payments = program
    .command('payments')
    .description('refunds, transfers by hand, and events of providers that wait for a person')
  refundCommands(payments, open, openPayments)
  transferCommands(payments, open, openPayments)
  payments
    .command('skip-blocks')
    .description(
      'lets the looks of a rail begin anew about a day ago: what came before and was not seen is not found any more',
    )
    .argument('<rail>', 'such as bitcoin')
    .requiredOption('--note <text>', 'why, for whoever asks later')
    .action(async (rail: string, { note }: { note: string }) => {
      const { db, clock, print, record } = await open()
      await db.transaction(async (tx) => {
        const rows = await Promise.all([rail, sweepOf(rail)].map((row) => forgetCursor(tx, row, clock.now())))
        if (!rows.includes(true)) throw new AppError('payments.not-found', 404, `Nothing is watched by a rail ${rail}.`)
        await record(tx, { action: 'payments.blocks-skipped', target: rail, detail: { note } })
      })
      print('It looks again within seconds. Compare the days that were skipped: purser reconcile run.')
    })
}
