import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'

/** Declares `npx purser webhook`. */
export function webhooksCommands(program: Command, open: OpenCli): void {
  declareCommand(program, {
    name: 'webhook',
    description: 'inspect and redeliver webhooks to merchants',
    load: async (group) => (await import('./commands/webhook.ts')).addWebhookCommands(group, open),
  })
}
