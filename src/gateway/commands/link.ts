import type { Command } from 'commander'
import type { Identity } from '#identity'
import { assetOf, currencyOf, formatAmount, isCurrency, money } from '#money'
import type { Payments } from '#payments'
import { AppError } from '#platform/base/errors'
import type { CliContext, OpenCli } from '#platform/runtime/module'
import { showLink } from '../api/links/links.ts'
import { createLink as createBody, listLinks as listQuery, type CreateLink } from '../api/links/schemas.ts'
import { shopOf } from '../api/access/stores.ts'
import { findLink, listLinks, type LinkRow } from '../links/store.ts'
import { changeLink, createLink, noSuchLink } from '../links/links.ts'
import { parseNewLink } from '../api/links/new-link.ts'

/** Modules that the commands need besides the database. */
export interface Desk {
  readonly payments: Payments
  readonly identity: Identity
  url(): string
}

interface CreateOptions {
  currency: string
  amount?: string
  minAmount?: string
  maxAmount?: string
  description?: string
  reference?: string
  methods?: string
  returnUrl?: string
  singleUse?: true
  expiresAt?: string
  store?: string
  json?: true
}

/** Adds the commands of `npx purser link`: payment links create a payment for each payer. */
export function addLinkCommands(link: Command, open: OpenCli, openDesk: () => Promise<Desk>): void {
  createCommand(link, open, openDesk)
  listCommand(link, open, openDesk)
  link
    .command('show')
    .description('show one link, with the HTML to paste into a page')
    .argument('<link>', 'id of the link, lnk_…')
    .action(async (id: string) => {
      const { db, print } = await open()
      print(await json(await openDesk(), db, await requireLink(db, id)))
    })
  for (const [name, archived] of [
    ['archive', true],
    ['restore', false],
  ] as const) {
    link
      .command(name)
      .description(
        archived ? 'stop new payments; payments already created can still be paid' : 'accept new payments again',
      )
      .argument('<link>', 'id of the link, lnk_…')
      .action(async (id: string) => {
        const { db, clock, record, print } = await open()
        const { merchantId } = await requireLink(db, id)
        await db.transaction(async (tx) => {
          await changeLink({ clock }, tx, { id, merchantId, storeId: undefined }, { archived })
          await record(tx, { action: `gateway.link-${name}d`, target: id })
        })
        print(archived ? `Archived ${id}.` : `Restored ${id}.`)
      })
  }
}

function createCommand(link: Command, open: OpenCli, openDesk: () => Promise<Desk>): void {
  link
    .command('create')
    .description('create a link; without --amount the payer enters the amount')
    .argument('<merchant>', 'id of the merchant, mer_…')
    .requiredOption('--currency <code>', 'such as KES')
    .option('--amount <amount>', 'amount to pay, such as 1500.00')
    .option('--min-amount <amount>', 'minimum amount that a payer can enter')
    .option('--max-amount <amount>', 'maximum amount that a payer can enter')
    .option('--description <text>', 'purpose of the payment; the payer sees it')
    .option('--reference <text>', 'your own reference')
    .option('--methods <list>', 'payment methods in display order, separated by commas; default: all')
    .option('--return-url <url>', 'URL to which the payer returns, on a registered origin of the merchant')
    .option('--single-use', 'close the link when one of its payments is paid')
    .option('--expires-at <time>', 'end of the link, such as 2026-12-31T23:59:59Z')
    .option('--store <store>', 'store of the payments, sto_…')
    .option('--json', 'print the API object as JSON')
    .action(async (merchantId: string, { json: asJson, ...options }: CreateOptions) => {
      const { db, clock, ids, record, print } = await open()
      const desk = await openDesk()
      const body = bodyOf(options)
      const shop = await shopOf({ identity: desk.identity, db }, { merchantId, storeId: undefined }, options.store)
      if (isCurrency(body.currency)) await desk.payments.loadPrices(assetOf(body.currency))
      const input = parseNewLink(body, shop, { payments: desk.payments, publicUrl: () => desk.url() })
      const made = await db.transaction(async (tx) => {
        const row = await createLink({ clock, ids }, tx, { ...input, requestKey: null })
        await record(tx, { action: 'gateway.link-created', target: row.id, detail: { merchant: merchantId } })
        return row
      })
      print(asJson ? await json(desk, db, made) : `${made.id}\n${(await shown(desk, db, made)).url}`)
    })
}

/** Validates the options with the schema of the API, so that both refuse the same values with the same messages. Throws 422. */
function bodyOf({
  minAmount,
  maxAmount,
  methods,
  returnUrl,
  singleUse,
  expiresAt,
  ...same
}: Omit<CreateOptions, 'json'>): CreateLink {
  const given = {
    ...same,
    min_amount: minAmount,
    max_amount: maxAmount,
    methods: methods?.split(',').map((each) => each.trim()),
    return_url: returnUrl,
    single_use: singleUse,
    expires_at: expiresAt,
  }
  const read = createBody.safeParse(given)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new AppError(
    'gateway.bad-options',
    422,
    `--${String(issue?.path[0]).replaceAll('_', '-')} ${String(issue?.message)}`,
  )
}

function listCommand(link: Command, open: OpenCli, openDesk: () => Promise<Desk>): void {
  link
    .command('list')
    .description('list links, newest first')
    .argument('<merchant>', 'id of the merchant, mer_…')
    .option('--store <store>', 'only links of this store, sto_…')
    .option('--archived', 'archived links instead of active ones')
    .option('--limit <n>', 'links per page, 1 to 100')
    .option('--cursor <id>', 'last id of the previous page')
    .option('--json', 'print the API objects as JSON')
    .action(async (merchantId: string, options: ListOptions) => {
      const { db, print } = await open()
      const desk = await openDesk()
      const { id } = await desk.identity.requireMerchant(db, merchantId)
      const { limit, cursor } = requireQuery(options)
      const archived = options.archived ?? false
      const rows = await listLinks(db, { merchantId: id, storeId: options.store, limit, cursor, archived })
      const page = rows.slice(0, limit)
      const links = await Promise.all(page.map((row) => shown(desk, db, row)))
      if (options.json) return print(JSON.stringify(links, null, 2))
      print(
        page.map((row, i) => ({
          id: row.id,
          amount: amountOf(row),
          description: row.description,
          single_use: row.singleUse ? 'yes' : '',
          expires: row.expiresAt?.toISOString() ?? '',
          url: links[i]?.url,
        })),
      )
      if (rows.length > limit) print(`More: --cursor ${String(page.at(-1)?.id)}`)
    })
}

interface ListOptions {
  store?: string
  archived?: true
  limit?: string
  cursor?: string
  json?: true
}

function requireQuery({ limit, cursor }: ListOptions): { limit: number; cursor?: string | undefined } {
  const read = listQuery.safeParse({ limit, cursor })
  if (read.success) return read.data
  throw new AppError(
    'gateway.bad-options',
    422,
    '--limit must be a number from 1 to 100, and --cursor the id of a link.',
  )
}

const amountOf = ({ asset, amount, least, most }: LinkRow): string => {
  const show = (minor: bigint | null): string => (minor === null ? '' : formatAmount(money(asset, minor)))
  const said = least === null && most === null ? 'any' : `${show(least)}–${show(most)}`
  return `${currencyOf(asset)} ${amount === null ? said : show(amount)}`
}

async function requireLink(db: CliContext['db'], id: string): Promise<LinkRow> {
  const row = await findLink(db, id)
  if (!row) throw noSuchLink(id)
  return row
}

const shown = ({ identity, url }: Desk, db: CliContext['db'], row: LinkRow) =>
  showLink({ identity, db, publicUrl: url }, row)

const json = async (desk: Desk, db: CliContext['db'], row: LinkRow): Promise<string> =>
  JSON.stringify(await shown(desk, db, row), null, 2)
