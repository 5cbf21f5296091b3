import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'

/** `purser webhook …`. */
export function webhooksCommands(program: Command, open: OpenCli): void {
  declareCommand(program, {
    name: 'webhook',
    description: 'what merchants are told, and telling them again',
    load: async (group) => (await import('./commands/webhook.ts')).addWebhookCommands(group, open),
  })
}
