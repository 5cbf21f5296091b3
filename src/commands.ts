import type { Command } from 'commander'
import { gatewayCommands } from '#gateway'
import { inboxCommands } from '#inbox'
import { createIdentity, identityCommands, type IdentityDeps } from '#identity'
import { ledgerCommands } from '#ledger'
import { paymentsCommands } from '#payments'
import type { Actor, CliContext, OpenCli } from '#platform/module'
import { ratesCommands } from '#rates'
import { reconcileCommands } from '#reconciliation'
import { webhooksCommands } from '#webhooks'
import { sealKeyOf, type App } from './app.ts'

/** Writes into the audit log what a command does. */
export function recordAs(actor: Actor, deps: IdentityDeps): CliContext['record'] {
  const { audit } = createIdentity(deps)
  return (tx, entry) => audit.record(tx, { actor, ...entry })
}

/** The commands of all modules. They open what they need inside their action, so that --help needs no database. */
export function moduleCommands(program: Command, open: OpenCli, openApp: () => Promise<App>): void {
  identityCommands(program, open)
  ledgerCommands(program, open, sealKeyOf)
  ratesCommands(program, open)
  paymentsCommands(program, open, async () => (await openApp()).payments)
  inboxCommands(program, open)
  reconcileCommands(program, open, async () => (await openApp()).reconciliation)
  webhooksCommands(program, open)
  gatewayCommands(program, open, openApp)
}
