import { Option, type Command } from 'commander'
import type { OpenCli } from '#platform/runtime/module'
import { unknownMerchant } from '../errors.ts'
import type { Locale } from '../types.ts'
import { memberCommands } from './members.ts'
import { settlementCommands } from './settlement.ts'
import { parseBrandOptions, brandOptions } from './stores.ts'
import { listOptions, openIdentity, printPage, formatTime, type ListOptions } from './context.ts'

export function merchantCommands(merchant: Command, open: OpenCli): void {
  merchant
    .command('create')
    .description('create a merchant; create its API key with: npx purser key create <merchant>')
    .argument('<name>', 'name shown to payers')
    .addOption(new Option('--locale <locale>', 'language of its checkout pages').choices(['en', 'sw']).default('en'))
    .action(async (name: string, options: { locale: Locale }) => {
      const { context, identity } = await openIdentity(open)
      const made = await context.db.transaction((tx) =>
        identity.createMerchant(tx, { name, ...options }, context.actor),
      )
      context.print(made.id)
    })
  listOptions(merchant.command('list').description('list merchants, newest first')).action(
    async (options: ListOptions) => {
      const { context, identity } = await openIdentity(open)
      const page = await identity.listMerchants(context.db, options)
      printPage(context, page, options, ({ id, name, locale, createdAt }) => ({
        id,
        name,
        locale,
        created: formatTime(createdAt),
      }))
    },
  )
  merchant
    .command('show')
    .description('show a merchant with its return origins')
    .argument('<merchant>', 'merchant id, mer_…')
    .action(async (id: string) => {
      const { context, identity } = await openIdentity(open)
      const found = await identity.findMerchant(context.db, id)
      if (!found) throw unknownMerchant(id)
      context.print(JSON.stringify(found, null, 2))
    })
  brandOptions(merchant.command('set').description('change the given settings'))
    .option('--tolerance <percent>', 'maximum underpayment that still counts as paid, such as 0.5')
    .argument('<merchant>', 'merchant id, mer_…')
    .action(async (merchantId: string, options: Parameters<typeof parseBrandOptions>[0] & { tolerance?: string }) => {
      const { context, identity } = await openIdentity(open)
      const input = { merchantId, ...parseBrandOptions(options), tolerance: options.tolerance }
      const made = await context.db.transaction((tx) => identity.updateMerchant(tx, input, context.actor))
      context.print(JSON.stringify(made, null, 2))
    })
  originCommands(merchant, open)
  memberCommands(merchant, open)
  settlementCommands(merchant, open)
}

function originCommands(merchant: Command, open: OpenCli): void {
  const origins = merchant.command('origins').description('manage the origins that payers may return to')
  origins
    .command('add')
    .description('allow return_url on an origin')
    .argument('<merchant>', 'merchant id, mer_…')
    .argument('<origin>', 'origin such as https://shop.example')
    .action(async (merchantId: string, origin: string) => {
      const { context, identity } = await openIdentity(open)
      const input = { merchantId, origin }
      context.print(await context.db.transaction((tx) => identity.addReturnOrigin(tx, input, context.actor)))
    })
  origins
    .command('remove')
    .description('refuse return_url on an origin from now on')
    .argument('<merchant>', 'merchant id, mer_…')
    .argument('<origin>', 'origin as printed by npx purser merchant show')
    .action(async (merchantId: string, origin: string) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.removeReturnOrigin(tx, { merchantId, origin }, context.actor))
      context.print(`Removed ${origin}.`)
    })
}
