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
    .description('a new merchant; give it a key with: npx purser key create <merchant>')
    .argument('<name>', 'as payers see it')
    .addOption(new Option('--locale <locale>', 'language of its checkout pages').choices(['en', 'sw']).default('en'))
    .action(async (name: string, options: { locale: Locale }) => {
      const { context, identity } = await openIdentity(open)
      const made = await context.db.transaction((tx) =>
        identity.createMerchant(tx, { name, ...options }, context.actor),
      )
      context.print(made.id)
    })
  listOptions(merchant.command('list').description('newest first')).action(async (options: ListOptions) => {
    const { context, identity } = await openIdentity(open)
    const page = await identity.listMerchants(context.db, options)
    printPage(context, page, options, ({ id, name, locale, createdAt }) => ({
      id,
      name,
      locale,
      created: formatTime(createdAt),
    }))
  })
  merchant
    .command('show')
    .description('one merchant with its return origins')
    .argument('<merchant>', 'its id, mer_…')
    .action(async (id: string) => {
      const { context, identity } = await openIdentity(open)
      const found = await identity.findMerchant(context.db, id)
      if (!found) throw unknownMerchant(id)
      context.print(JSON.stringify(found, null, 2))
    })
  brandOptions(merchant.command('set').description('change what is named'))
    .option('--tolerance <percent>', 'how much less than asked still pays a payment, such as 0.5')
    .argument('<merchant>', 'its id, mer_…')
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
  const origins = merchant.command('origins').description('where payers may be sent back to')
  origins
    .command('add')
    .description('allow return_url on this origin')
    .argument('<merchant>', 'its id, mer_…')
    .argument('<origin>', 'such as https://shop.example')
    .action(async (merchantId: string, origin: string) => {
      const { context, identity } = await openIdentity(open)
      const input = { merchantId, origin }
      context.print(await context.db.transaction((tx) => identity.addReturnOrigin(tx, input, context.actor)))
    })
  origins
    .command('remove')
    .description('refuse return_url on this origin from now on')
    .argument('<merchant>', 'its id, mer_…')
    .argument('<origin>', 'as npx purser merchant show prints it')
    .action(async (merchantId: string, origin: string) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.removeReturnOrigin(tx, { merchantId, origin }, context.actor))
      context.print(`Removed ${origin}.`)
    })
}
