import type { Command } from 'commander'
import type { OpenCli } from '#platform/runtime/module'
import { listOptions, openIdentity, printPage, formatTime, type ListOptions } from './context.ts'

export function auditCommands(audit: Command, open: OpenCli): void {
  listOptions(audit.command('list').description('list audit entries, newest first'))
    .option('--action <action>', 'filter by action, such as identity.key-revoked')
    .option('--target <id>', 'filter by the id of the changed object')
    .action(async (options: ListOptions & { action?: string; target?: string }) => {
      const { context, identity } = await openIdentity(open)
      const page = await identity.audit.list(context.db, options)
      printPage(context, page, options, ({ id, at, actor, action, target, detail }) => ({
        id,
        at: formatTime(at),
        actor: `${actor.type}:${actor.id}`,
        action,
        target,
        detail: JSON.stringify(detail),
      }))
    })
}
