import { readFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { AppError, describeError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import type { Locale } from '../types.ts'
import { listOptions, openIdentity, printPage, formatTime, type ListOptions } from './context.ts'

interface BrandOptions {
  name?: string
  locale?: Locale
  colour?: string
  logo?: string
}

/** Adds the options for a merchant's or store's brand. `none` removes a colour or logo. */
export const brandOptions = (command: Command): Command =>
  command
    .option('--name <name>', 'name shown to payers')
    .addOption(new Option('--locale <locale>', 'language of its checkout pages').choices(['en', 'sw']))
    .option('--colour <colour>', 'colour of buttons, such as #0b6b4f, or none')
    .option('--logo <file>', 'a PNG, JPEG or WebP picture of at most 100 kB, or none')

/** Converts the brand options to a change. */
export const parseBrandOptions = ({ name, locale, colour, logo }: BrandOptions) => ({
  name,
  locale,
  colour: colour === 'none' ? null : colour,
  logo: logo === 'none' ? null : logo === undefined ? undefined : readPicture(logo),
})

function readPicture(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new AppError(
      'identity.bad-input',
      422,
      `${path} cannot be read (${describeError(error)}). Check the path and its permissions.`,
    )
  }
}

interface StoreOptions extends BrandOptions {
  origins?: string
  methods?: string
}

/** Splits `a,b`. `none` gives an empty list. */
const parseList = (text: string | undefined): string[] | undefined =>
  text === undefined ? undefined : text === 'none' ? [] : text.split(',').map((part) => part.trim())

const storeOptions = (command: Command): Command =>
  brandOptions(command)
    .option('--origins <list>', 'comma-separated origins that payers may return to; none: those of the merchant')
    .option('--methods <list>', 'comma-separated payment methods in display order; none: all')

const toChange = (options: StoreOptions) => ({
  ...parseBrandOptions(options),
  returnOrigins: parseList(options.origins),
  methods: parseList(options.methods),
})

/** Declares `npx purser store`: the shops of a merchant. */
export function storeCommands(store: Command, open: OpenCli): void {
  storeOptions(
    store.command('create').description('create a store; create its API key with: npx purser key create … --store'),
  )
    .argument('<merchant>', 'merchant id, mer_…')
    .action(async (merchantId: string, options: StoreOptions) => {
      const { context, identity } = await openIdentity(open)
      const input = { merchantId, ...toChange(options), name: options.name ?? '' }
      context.print((await context.db.transaction((tx) => identity.createStore(tx, input, context.actor))).id)
    })
  storeOptions(
    store.command('set').description('change the given settings; settings that are not set follow the merchant'),
  )
    .argument('<store>', 'store id, sto_…')
    .action(async (id: string, options: StoreOptions) => {
      const { context, identity } = await openIdentity(open)
      const input = { id, ...toChange(options) }
      const made = await context.db.transaction((tx) => identity.updateStore(tx, input, context.actor))
      context.print(JSON.stringify(made, null, 2))
    })
  store
    .command('show')
    .description('show one store')
    .argument('<store>', 'store id, sto_…')
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
      .description(archived ? 'archive a store; it accepts nothing new' : 'reopen an archived store')
      .argument('<store>', 'store id, sto_…')
      .action(async (id: string) => {
        const { context, identity } = await openIdentity(open)
        await context.db.transaction((tx) => identity.updateStore(tx, { id, archived }, context.actor))
        context.print(archived ? `Archived ${id}.` : `Restored ${id}.`)
      })
  }
  listOptions(store.command('list').description('list stores, newest first'))
    .argument('<merchant>', 'merchant id, mer_…')
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
