import { Option, type Command } from 'commander'
import type { OpenCli } from '#platform/runtime/module'
import { MEMBER_ROLES, type MemberRole } from '../types.ts'
import { openIdentity, formatTime } from './context.ts'

/** `purser merchant members …`: operators with a role at one merchant. */
export function memberCommands(merchant: Command, open: OpenCli): void {
  const members = merchant.command('members').description('operators with a role at one merchant')
  members
    .command('add')
    .description('give an operator a role there, or another one')
    .argument('<merchant>', 'its id, mer_…')
    .argument('<email>', 'of the operator')
    .addOption(new Option('--role <role>', 'what it may do there').choices(MEMBER_ROLES).default('viewer'))
    .action(async (merchantId: string, email: string, { role }: { role: MemberRole }) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.addMember(tx, { merchantId, email, role }, context.actor))
      context.print(`${email} is ${role} of ${merchantId}.`)
    })
  members
    .command('remove')
    .description('take the role there away')
    .argument('<merchant>', 'its id, mer_…')
    .argument('<email>', 'of the operator')
    .action(async (merchantId: string, email: string) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.removeMember(tx, { merchantId, email }, context.actor))
      context.print(`Removed ${email}.`)
    })
  members
    .command('list')
    .description('by address')
    .argument('<merchant>', 'its id, mer_…')
    .action(async (merchantId: string) => {
      const { context, identity } = await openIdentity(open)
      const all = await identity.listMembers(context.db, merchantId)
      if (all.length === 0) return context.print('None.')
      context.print(
        all.map(({ email, name, role, createdAt }) => ({ email, name, role, since: formatTime(createdAt) })),
      )
    })
}
