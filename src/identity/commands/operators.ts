import { Option, type Command } from 'commander'
import type { OpenCli } from '#platform/runtime/module'
import { ROLES, type Role } from '../types.ts'
import { listOptions, openIdentity, printPage, formatTime, type ListOptions } from './context.ts'

export function operatorCommands(operator: Command, open: OpenCli): void {
  operator
    .command('create')
    .description('create an operator')
    .argument('<email>', 'e-mail address of the operator')
    .requiredOption('--name <name>', 'name of the operator')
    .addOption(new Option('--role <role>', 'role for the whole installation').choices(ROLES).default('viewer'))
    .action(async (email: string, options: { name: string; role: Role }) => {
      const { context, identity } = await openIdentity(open)
      const made = await context.db.transaction((tx) =>
        identity.createOperator(tx, { email, ...options }, context.actor),
      )
      context.print(made.id)
    })
  listOptions(operator.command('list').description('list operators, newest first')).action(
    async (options: ListOptions) => {
      const { context, identity } = await openIdentity(open)
      const page = await identity.listOperators(context.db, options)
      printPage(context, page, options, ({ id, email, name, role, createdAt, disabledAt }) => ({
        id,
        email,
        name,
        role,
        created: formatTime(createdAt),
        disabled: formatTime(disabledAt),
      }))
    },
  )
  operator
    .command('disable')
    .description('disable an operator, who then has no rights')
    .argument('<email>', 'e-mail address of the operator')
    .action(async (email: string) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.disableOperator(tx, { email }, context.actor))
      context.print(`Disabled ${email}.`)
    })
}
