import type { Command } from 'commander'
import { type Asset, assetOf, currencyOf, formatAmount, isCurrency, type Money, parseAmount } from '#money'
import { addMs } from '#platform/base/clock'
import type { Queryable } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import { notFound } from '../errors.ts'
import type { Intent } from '../intents/types.ts'
import { noSuchRefund } from '../reservations/errors.ts'
import { type Refund, REFUND_STATUSES, type Refunds, type RefundStatus } from './types.ts'

const MAX_LISTED = 100
/** The same command within this time is refused as a duplicate. */
const DUPLICATE_WINDOW_MS = 10 * 60_000

/** Access that the refund commands need. */
interface PaymentsWithRefunds {
  readonly refunds: Refunds
  find(q: Queryable, by: { id: string; merchantId?: string | undefined }): Promise<Intent | undefined>
}

/** Declares `npx purser payments refund|refunds|refund-sent|refund-failed`. */
export function refundCommands(
  payments: Command,
  open: OpenCli,
  openPayments: () => Promise<PaymentsWithRefunds>,
): void {
  payments
    .command('refund')
    .description('refund a payment or a part of it, to the original payment method or by a refund link')
    .argument('<payment>', 'payment id, pay_…')
    .option('--amount <amount>', 'amount in the payment’s currency (default: all that is refundable)')
    .option('--currency <code>', 'refund uncounted money that arrived in this other currency')
    .option('--reason <text>', 'note on the refund')
    .option('--claim', 'always use a refund link')
    .option('--again', 'allow the same amount again within ten minutes')
    .action(async (id: string, options: RefundOptions) => {
      const { db, clock, print, record } = await open()
      const { find, refunds } = await openPayments()
      const intent = (await find(db, { id })) ?? fail(notFound())
      const asset = options.currency === undefined ? intent.amount.asset : requireAsset(options.currency)
      const amount = options.amount === undefined ? undefined : requireAmount(options.amount, asset)
      const way = options.claim ? 'claim' : 'auto'
      // The server process sends the refund.
      const input = {
        intentId: id,
        merchantId: intent.merchantId,
        asset,
        amount,
        note: options.reason,
        way,
        unlessSince: options.again ? undefined : addMs(clock.now(), -DUPLICATE_WINDOW_MS),
        later: true,
      } as const
      const { refund } = await refunds.create(input)
      const detail = { payment: id, amount: formatAmount(refund.amount), way: refund.way }
      await db.transaction((tx) => record(tx, { action: 'payments.refund-made', target: refund.id, detail }))
      print([toOutputRow(refund)])
      if (refund.claim) print('To get the refund link, send GET /api/v1/refunds/{id} with an API key of the merchant.')
    })
  payments
    .command('refunds')
    .description(`list the ${MAX_LISTED} newest refunds of a payment, or the refunds that wait for an operator`)
    .option('--payment <id>', 'payment id, pay_…')
    .option('--status <status>', REFUND_STATUSES.join(', '))
    .option('--waiting', 'refunds to pay manually, or without an answer for an hour')
    .action(async (options: { payment?: string; status?: string; waiting?: true }) => {
      const { db, print } = await open()
      const { find, refunds } = await openPayments()
      if (options.waiting) {
        const waiting = await refunds.listWaiting(db)
        return print(waiting.map(({ refund, destination }) => ({ ...toOutputRow(refund), destination })))
      }
      const intent =
        options.payment === undefined ? undefined : ((await find(db, { id: options.payment })) ?? fail(notFound()))
      if (!intent)
        throw new AppError('payments.bad-options', 422, 'No payment given. Add --payment pay_… or --waiting.')
      const query = {
        merchantId: intent.merchantId,
        intentId: intent.id,
        status: requireStatus(options.status),
        limit: MAX_LISTED,
      }
      print((await refunds.list(db, query)).items.map(toOutputRow))
    })
  resolveCommands(payments, open, openPayments)
}

/** Declares the commands with which an operator resolves a refund that no provider can report on. */
function resolveCommands(payments: Command, open: OpenCli, openPayments: () => Promise<PaymentsWithRefunds>): void {
  const declare = (name: string, description: string): Command =>
    payments.command(name).description(description).argument('<refund>', 'refund id, re_…')
  declare('refund-sent', 'record that a refund was sent: paid manually, or listed in the provider’s books')
    .option('--number <text>', 'receipt number of the transfer, shown to the payer')
    .action((id: string, { number }: { number?: string }) =>
      resolve(id, { sent: { number }, why: '' }, 'payments.refund-sent'),
    )
  declare('refund-failed', 'record that a refund was certainly not sent; releases its money, or reopens its link')
    .requiredOption('--note <text>', 'reason, for the audit log')
    .action((id: string, { note }: { note: string }) =>
      resolve(id, { sent: undefined, why: note }, 'payments.refund-failed'),
    )

  async function resolve(
    id: string,
    decision: { sent: { number?: string | undefined } | undefined; why: string },
    action: string,
  ): Promise<void> {
    const { db, print, record } = await open()
    const { refunds } = await openPayments()
    if (!(await refunds.find(db, { id }))) throw noSuchRefund()
    const refund = await refunds.resolve({ id, ...decision })
    const detail = {
      status: refund.status,
      ...(decision.sent?.number !== undefined && { number: decision.sent.number }),
      why: decision.why,
    }
    await db.transaction((tx) => record(tx, { action, target: id, detail }))
    print([toOutputRow(refund)])
  }
}

const toOutputRow = ({
  id,
  intentId,
  status,
  amount,
  origin,
  rail,
  phone,
  number,
  reason,
  note,
  createdAt,
}: Refund) => ({
  id,
  payment: intentId,
  status,
  amount: `${currencyOf(amount.asset)} ${formatAmount(amount)}`,
  by: rail ?? '',
  to: phone ?? '',
  number: number ?? '',
  failure: reason ?? '',
  origin,
  note,
  created: createdAt.toISOString(),
})

interface RefundOptions {
  amount?: string
  currency?: string
  reason?: string
  claim?: true
  again?: true
}

function requireAsset(code: string): Asset {
  if (isCurrency(code)) return assetOf(code)
  throw new AppError('payments.bad-options', 422, `--currency: unknown currency ${code}. Use a code such as KES.`)
}

function requireAmount(text: string, asset: Asset): Money {
  const amount = parseAmount(text, asset)
  if ('problem' in amount || amount.amount === 0n)
    throw new AppError(
      'payments.bad-options',
      422,
      `--amount: ${'problem' in amount ? amount.problem : 'must be positive'}`,
    )
  return amount
}

function requireStatus(text: string | undefined): RefundStatus | undefined {
  const status = REFUND_STATUSES.find((each) => each === text)
  if (text !== undefined && !status)
    throw new AppError('payments.bad-options', 422, `--status must be one of ${REFUND_STATUSES.join(', ')}.`)
  return status
}

function fail(error: AppError): never {
  throw error
}
