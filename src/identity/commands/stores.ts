import { readFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { AppError, describeError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import type { Locale } from '../types.ts'
import { listOptions, openIdentity, printPage, formatTime, type ListOptions } from './context.ts'

interface Look {
  name?: string
  locale?: Locale
  colour?: string
  logo?: string
}

/** Options that say how a merchant or store looks; `none` takes a colour or logo away. */
export const brandOptions = (command: Command): Command =>
  command
    .option('--name <name>', 'as payers see it')
    .addOption(new Option('--locale <locale>', 'language of its pages').choices(['en', 'sw']))
    .option('--colour <colour>', 'of buttons, such as #0b6b4f, or none')
    .option('--logo <file>', 'a PNG, JPEG or WebP picture of at most 100 kB, or none')

/** What the options ask for. */
export const parseBrandOptions = ({ name, locale, colour, logo }: Look) => ({
  name,
  locale,
  colour: colour === 'none' ? null : colour,
  logo: logo === 'none' ? null : logo === undefined ? undefined : readPicture(logo),
})

function readPicture(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new AppError('identity.bad-input', 422, `${path} cannot be read: ${describeError(error)}`)
  }
}

interface StoreOptions extends Look {
  origins?: string
  methods?: string
}

/** `a,b` → both; `none` → none. */
const listOf = (text: string | undefined): string[] | undefined =>
  text === undefined ? undefined : text === 'none' ? [] : text.split(',').map((part) => part.trim())

const storeOptions = (command: Command): Command =>
  brandOptions(command)
    .option('--origins <list>', 'where payers may be sent back to, with commas between them; none: as the merchant')
    .option('--methods <list>', 'ways to pay in order, with commas between them; none: all')

const changeOf = (options: StoreOptions) => ({
  ...parseBrandOptions(options),
  returnOrigins: listOf(options.origins),
  methods: listOf(options.methods),
})

/** `purser store …`: shops of a merchant with a face of their own. */
export function storeCommands(store: Command, open: OpenCli): void {
  storeOptions(store.command('create').description('a new store; a key of its own: npx purser key create … --store'))
    .argument('<merchant>', 'whose, mer_…')
    .action(async (merchantId: string, options: StoreOptions) => {
      const { context, identity } = await openIdentity(open)
      const input = { merchantId, ...changeOf(options), name: options.name ?? '' }
      context.print((await context.db.transaction((tx) => identity.createStore(tx, input, context.actor))).id)
    })
  storeOptions(store.command('set').description('change what is named; what it lacks is as at the merchant'))
    .argument('<store>', 'its id, sto_…')
    .action(async (id: string, options: StoreOptions) => {
      const { context, identity } = await openIdentity(open)
      const input = { id, ...changeOf(options) }
      const made = await context.db.transaction((tx) => identity.updateStore(tx, input, context.actor))
      context.print(JSON.stringify(made, null, 2))
    })
  store
    .command('show')
    .description('one store')
    .argument('<store>', 'its id, sto_…')
    .action(async (id: string) => {
      const { context, identity } = await openIdentity(open)
      context.print(JSON.stringify(await identity.requireStore(context.db, { id }), null, 2))
    })
  for (const [name, archived] of [
    ['archive', true],
    ['restore', false],
  ] as const) {
    store
      .command(name)
      .description(archived ? 'nothing new can be made in it' : 'use it again')
      .argument('<store>', 'its id, sto_…')
      .action(async (id: string) => {
        const { context, identity } = await openIdentity(open)
        await context.db.transaction((tx) => identity.updateStore(tx, { id, archived }, context.actor))
        context.print(archived ? `Archived ${id}.` : `Restored ${id}.`)
      })
  }
  listOptions(store.command('list').description('newest first'))
    .argument('<merchant>', 'whose, mer_…')
    .action(async (merchantId: string, options: ListOptions) => {
      const { context, identity } = await openIdentity(open)
      const page = await identity.listStores(context.db, { ...options, merchantId })
      printPage(context, page, options, (one) => ({
        id: one.id,
        name: one.name,
        locale: one.locale ?? '',
        colour: one.brand.colour ?? '',
        methods: one.methods.join(','),
        archived: formatTime(one.archivedAt),
      }))
    })
}
