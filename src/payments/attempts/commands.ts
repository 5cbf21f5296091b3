import type { Command } from 'commander'
import { AppError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import { resetWatchCursor, sweepRowName } from '../store/watching.ts'

/** Adds `skip-blocks`, which restarts a watching rail about a day ago. */
export function watchCommands(payments: Command, open: OpenCli): void {
  payments
    .command('skip-blocks')
    .description(
      'restart the polls of a watching rail about one day ago; older deposits that were not found are skipped',
    )
    .argument('<rail>', 'such as bitcoin')
    .requiredOption('--note <text>', 'the reason, for the audit log')
    .action(async (rail: string, { note }: { note: string }) => {
      const { db, clock, print, record } = await open()
      await db.transaction(async (tx) => {
        const rows = await Promise.all([rail, sweepRowName(rail)].map((row) => resetWatchCursor(tx, row, clock.now())))
        if (!rows.includes(true))
          throw new AppError(
            'payments.not-found',
            404,
            `The rail ${rail} does not watch a chain. Name a rail that does, such as bitcoin.`,
          )
        await record(tx, { action: 'payments.blocks-skipped', target: rail, detail: { note } })
      })
      print('Polling restarts within seconds. Compare the skipped days: npx purser reconcile run.')
    })
}
