import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { CliContext, OpenCli } from '#platform/runtime/module'
import type { Books } from './commands/ledger.ts'

const GROUP = { name: 'ledger', description: 'look at the books and check them' } as const

/** `purser ledger …` for a process that has no ledger: the seal key is known once the database is open. */
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

/** The same of a ledger that is there. */
export function declareLedgerCommands(books: Books, program: Command, open: OpenCli): void {
  declareCommand(program, {
    ...GROUP,
    load: async (group) => (await import('./commands/ledger.ts')).addLedgerCommands(books, group, open),
  })
}
