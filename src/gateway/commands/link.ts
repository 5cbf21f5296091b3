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
import { newLinkOf } from '../api/links/new-link.ts'

/** What the commands need of the program beside its database. */
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

/** `purser link …`: pages where payers pay without a payment made beforehand. */
export function addLinkCommands(link: Command, open: OpenCli, openDesk: () => Promise<Desk>): void {
  createCommand(link, open, openDesk)
  listCommand(link, open, openDesk)
  link
    .command('show')
    .description('one link, with the HTML to paste into a page')
    .argument('<link>', 'its id, lnk_…')
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
      .description(archived ? 'nothing new can be begun by it; what was begun can be paid' : 'use it again')
      .argument('<link>', 'its id, lnk_…')
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
    .description('a new link; without --amount the payer says how much')
    .argument('<merchant>', 'whose, mer_…')
    .requiredOption('--currency <code>', 'such as KES')
    .option('--amount <amount>', 'what is to pay, such as 1500.00')
    .option('--min-amount <amount>', 'the least that a payer can say')
    .option('--max-amount <amount>', 'the most that a payer can say')
    .option('--description <text>', 'what it is for: the payer sees it')
    .option('--reference <text>', 'your own name for it')
    .option('--methods <list>', 'ways to pay in order, with commas between them; all unless told')
    .option('--return-url <url>', 'on an origin of the merchant')
    .option('--single-use', 'over once one payment made by it is paid')
    .option('--expires-at <time>', 'such as 2026-12-31T23:59:59Z')
    .option('--store <store>', 'sto_…')
    .option('--json', 'as the API shows it')
    .action(async (merchantId: string, { json: asJson, ...options }: CreateOptions) => {
      const { db, clock, ids, record, print } = await open()
      const desk = await openDesk()
      const body = bodyOf(options)
      const shop = await shopOf({ identity: desk.identity, db }, { merchantId, storeId: undefined }, options.store)
      if (isCurrency(body.currency)) await desk.payments.loadPrices(assetOf(body.currency))
      const input = newLinkOf(body, shop, { payments: desk.payments, publicUrl: () => desk.url() })
      const made = await db.transaction(async (tx) => {
        const row = await createLink({ clock, ids }, tx, { ...input, requestKey: null })
        await record(tx, { action: 'gateway.link-created', target: row.id, detail: { merchant: merchantId } })
        return row
      })
      print(asJson ? await json(desk, db, made) : `${made.id}\n${(await shown(desk, db, made)).url}`)
    })
}

/** As a request of the API would say it, so that the same is refused in the same words. */
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
    .description('newest first')
    .argument('<merchant>', 'whose, mer_…')
    .option('--store <store>', 'only its links, sto_…')
    .option('--archived', 'those that were archived; the others unless told')
    .option('--limit <n>', '1 to 100')
    .option('--cursor <id>', 'where the page before ended')
    .option('--json', 'as the API shows them')
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
  throw new AppError('gateway.bad-options', 422, 'A limit is a number from 1 to 100, and a cursor the id of a link.')
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
