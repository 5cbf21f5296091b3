import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { CliContext, OpenCli } from '#platform/runtime/module'
import type { Books } from './commands/ledger.ts'

const GROUP = { name: 'ledger', description: 'show and verify the ledger' } as const

/** Declares `npx purser ledger` for a process without a ledger, where the seal key is known only once the database is open. */
export function ledgerCommands(
  program: Command,
  open: OpenCli,
  deriveSealKey: (context: CliContext) => Promise<Buffer>,
): void {
  declareCommand(program, {
    ...GROUP,
    load: async (group) => {
      const { addLedgerCommands, openBooks } = await import('./commands/ledger.ts')
      addLedgerCommands(
        openBooks(async () => deriveSealKey(await open())),
        group,
        open,
      )
    },
  })
}

/** Declares the same commands for an existing ledger. */
export function declareLedgerCommands(books: Books, program: Command, open: OpenCli): void {
  declareCommand(program, {
    ...GROUP,
    load: async (group) => (await import('./commands/ledger.ts')).addLedgerCommands(books, group, open),
  })
}
