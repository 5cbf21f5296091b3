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

const MOST = 100
/** A command typed twice is rather a mistake than two refunds. */
const AGAIN_MS = 10 * 60_000

/** `purser payments refund …`: gives money back, and tells of what no provider can tell. */
interface PaymentsWithRefunds {
  readonly refunds: Refunds
  find(q: Queryable, by: { id: string; merchantId?: string | undefined }): Promise<Intent | undefined>
}

export function refundCommands(
  payments: Command,
  open: OpenCli,
  openPayments: () => Promise<PaymentsWithRefunds>,
): void {
  payments
    .command('refund')
    .description('gives a payment back, all or a part: the way it came, else by a link')
    .argument('<payment>', 'pay_…')
    .option('--amount <amount>', 'in its currency; all that is left unless told')
    .option('--currency <code>', 'of money that came in another currency than the payment’s and counts for nothing')
    .option('--reason <text>', 'a note')
    .option('--claim', 'by a link in any case')
    .option('--again', 'though the same amount was given back in the last ten minutes')
    .action(async (id: string, options: RefundOptions) => {
      const { db, clock, print, record } = await open()
      const { find, refunds } = await openPayments()
      const intent = (await find(db, { id })) ?? fail(notFound())
      const asset = options.currency === undefined ? intent.amount.asset : requireAsset(options.currency)
      const amount = options.amount === undefined ? undefined : requireAmount(options.amount, asset)
      const way = options.claim ? 'claim' : 'auto'
      // The running program sends it.
      const input = {
        intentId: id,
        merchantId: intent.merchantId,
        asset,
        amount,
        note: options.reason,
        way,
        unlessSince: options.again ? undefined : addMs(clock.now(), -AGAIN_MS),
        later: true,
      } as const
      const { refund } = await refunds.create(input)
      const detail = { payment: id, amount: formatAmount(refund.amount), way: refund.way }
      await db.transaction((tx) => record(tx, { action: 'payments.refund-made', target: refund.id, detail }))
      print([rowOf(refund)])
      if (refund.claim)
        print('Its link is in the answer of the API to a key of the merchant: GET /api/v1/refunds/{id}.')
    })
  payments
    .command('refunds')
    .description(`lists the ${MOST} newest of a payment, or those that wait for a person`)
    .option('--payment <id>', 'pay_…')
    .option('--status <status>', REFUND_STATUSES.join(', '))
    .option('--waiting', 'to be paid by hand, or with no answer for an hour')
    .action(async (options: { payment?: string; status?: string; waiting?: true }) => {
      const { db, print } = await open()
      const { find, refunds } = await openPayments()
      if (options.waiting) {
        const waiting = await refunds.listWaiting(db)
        return print(waiting.map(({ refund, destination }) => ({ ...rowOf(refund), destination })))
      }
      const intent =
        options.payment === undefined ? undefined : ((await find(db, { id: options.payment })) ?? fail(notFound()))
      if (!intent) throw new AppError('payments.bad-options', 422, 'Give --payment pay_… or --waiting.')
      const query = {
        merchantId: intent.merchantId,
        intentId: intent.id,
        status: requireStatus(options.status),
        limit: MOST,
      }
      print((await refunds.list(db, query)).items.map(rowOf))
    })
  wordCommands(payments, open, openPayments)
}

/** What no provider can tell, an operator does. */
function wordCommands(payments: Command, open: OpenCli, openPayments: () => Promise<PaymentsWithRefunds>): void {
  const tell = (name: string, description: string): Command =>
    payments.command(name).description(description).argument('<refund>', 're_…')
  tell('refund-sent', 'says that it was paid by hand, or that the provider’s books show it')
    .option('--number <text>', 'of the transfer, which the payer sees')
    .action((id: string, { number }: { number?: string }) =>
      resolve(id, { sent: { number }, why: '' }, 'payments.refund-sent'),
    )
  tell('refund-failed', 'says that surely no money went: it is the merchant’s again, a link can be used again')
    .requiredOption('--note <text>', 'why, for whoever asks later')
    .action((id: string, { note }: { note: string }) =>
      resolve(id, { sent: undefined, why: note }, 'payments.refund-failed'),
    )

  async function resolve(
    id: string,
    word: { sent: { number?: string | undefined } | undefined; why: string },
    action: string,
  ): Promise<void> {
    const { db, print, record } = await open()
    const { refunds } = await openPayments()
    if (!(await refunds.find(db, { id }))) throw noSuchRefund()
    const refund = await refunds.resolve({ id, ...word })
    const detail = {
      status: refund.status,
      ...(word.sent?.number !== undefined && { number: word.sent.number }),
      why: word.why,
    }
    await db.transaction((tx) => record(tx, { action, target: id, detail }))
    print([rowOf(refund)])
  }
}

const rowOf = ({ id, intentId, status, amount, origin, rail, phone, number, reason, note, createdAt }: Refund) => ({
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
  throw new AppError('payments.bad-options', 422, `--currency: ${code} is not a currency that is known here.`)
}

function requireAmount(text: string, asset: Asset): Money {
  const amount = parseAmount(text, asset)
  if ('problem' in amount || amount.amount === 0n)
    throw new AppError(
      'payments.bad-options',
      422,
      `--amount: ${'problem' in amount ? amount.problem : 'must be more than zero'}`,
    )
  return amount
}

function requireStatus(text: string | undefined): RefundStatus | undefined {
  const status = REFUND_STATUSES.find((each) => each === text)
  if (text !== undefined && !status)
    throw new AppError('payments.bad-options', 422, `--status is one of ${REFUND_STATUSES.join(', ')}.`)
  return status
}

function fail(error: AppError): never {
  throw error
}
