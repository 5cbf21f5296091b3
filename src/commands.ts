import type { Command } from 'commander'
import { gatewayCommands } from '#gateway/commands'
import { identityCommands } from '#identity/commands'
import { inboxCommands } from '#inbox/commands'
import { ledgerCommands } from '#ledger/commands'
import { paymentsCommands } from '#payments/commands'
import type { OpenCli } from '#platform/runtime/module'
import { ratesCommands } from '#rates/commands'
import { reconcileCommands } from '#reconciliation/commands'
import { webhooksCommands } from '#webhooks/commands'
import type { App } from './app.ts'

/** Declares the commands of all modules. Their code is imported when they run and opens the database inside the action. */
export function moduleCommands(program: Command, open: OpenCli, openApp: () => Promise<App>): void {
  identityCommands(program, open)
  ledgerCommands(program, open, async (context) => (await import('./app.ts')).deriveSealKey(context))
  ratesCommands(program, open)
  paymentsCommands(program, open, async () => (await openApp()).payments)
  inboxCommands(program, open)
  reconcileCommands(program, open, async () => (await openApp()).reconciliation)
  webhooksCommands(program, open)
  gatewayCommands(program, open, openApp)
}
