import { Option, type Command } from 'commander'
import type { OpenCli } from '#platform/runtime/module'
import { MEMBER_ROLES, type MemberRole } from '../types.ts'
import { openIdentity, formatTime } from './context.ts'

/** Declares `npx purser merchant members`: operators with a role at one merchant. */
export function memberCommands(merchant: Command, open: OpenCli): void {
  const members = merchant.command('members').description('manage operators with a role at one merchant')
  members
    .command('add')
    .description('give an operator a role at the merchant, or change it')
    .argument('<merchant>', 'merchant id, mer_…')
    .argument('<email>', 'e-mail address of the operator')
    .addOption(new Option('--role <role>', 'role at the merchant').choices(MEMBER_ROLES).default('viewer'))
    .action(async (merchantId: string, email: string, { role }: { role: MemberRole }) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.addMember(tx, { merchantId, email, role }, context.actor))
      context.print(`${email} is ${role} of ${merchantId}.`)
    })
  members
    .command('remove')
    .description('remove the role of an operator at the merchant')
    .argument('<merchant>', 'merchant id, mer_…')
    .argument('<email>', 'e-mail address of the operator')
    .action(async (merchantId: string, email: string) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.removeMember(tx, { merchantId, email }, context.actor))
      context.print(`Removed ${email}.`)
    })
  members
    .command('list')
    .description('list members by e-mail address')
    .argument('<merchant>', 'merchant id, mer_…')
    .action(async (merchantId: string) => {
      const { context, identity } = await openIdentity(open)
      const all = await identity.listMembers(context.db, merchantId)
      if (all.length === 0) return context.print('None.')
      context.print(
        all.map(({ email, name, role, createdAt }) => ({ email, name, role, since: formatTime(createdAt) })),
      )
    })
}
