import type { Command } from 'commander'
import { currencyOf, formatAmount, parseAmount } from '#money'
import { AppError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import type { Decided, ManualTransfer, Transfers } from './types.ts'

const MOST = 100

/** `purser payments transfers|confirm|reject`: a person looks for money that payers sent by hand. */
export function transferCommands(
  payments: Command,
  open: OpenCli,
  openPayments: () => Promise<{ readonly transfers: Transfers }>,
): void {
  payments
    .command('transfers')
    .description(`lists the ${MOST} transfers by hand that payers said they sent longest ago`)
    .action(async () => {
      const { db, print } = await open()
      const { transfers } = await openPayments()
      const { items } = await transfers.list(db, { limit: MOST })
      print(items.length === 0 ? 'None waits.' : items.map(rowOf))
    })
  const onTransfer = (name: string, description: string): Command =>
    payments
      .command(name)
      .description(description)
      .argument('<transfer>', 'its payment code, att_… or, for the newest of a payment, pay_…')
  onTransfer('confirm', 'says that the money of a transfer by hand came: it is credited')
    .requiredOption('--number <text>', 'of the transfer in the bank’s books: each is counted once')
    .option('--amount <amount>', 'what came, in its currency; what was asked for unless told')
    .option('--another', 'it is one more than was confirmed before: the payer sent twice with one payment code')
    .action(async (name: string, options: { number: string; amount?: string; another?: true }) => {
      const { db, print, record } = await open()
      const { transfers } = await openPayments()
      const { id, amount: asked } = await transfers.require(db, name)
      const amount = options.amount === undefined ? undefined : parseAmount(options.amount, asked.asset)
      if (amount && 'problem' in amount) throw new AppError('payments.bad-options', 422, `--amount ${amount.problem}`)
      const { number, another } = options
      const detail = { number, ...(options.amount !== undefined && { amount: options.amount }) }
      const audit: Decided = (tx, { id: target }) =>
        record(tx, { action: 'payments.transfer-confirmed', target, detail })
      print([rowOf(await transfers.confirm({ id, number, amount, another }, audit))])
    })
  onTransfer('reject', 'says that the money of a transfer by hand did not come: the payer can try again')
    .requiredOption('--note <text>', 'why, for whoever asks later')
    .action(async (name: string, { note }: { note: string }) => {
      const { db, print, record } = await open()
      const { transfers } = await openPayments()
      const { id } = await transfers.require(db, name)
      const audit: Decided = (tx, { id: target }) =>
        record(tx, { action: 'payments.transfer-rejected', target, detail: { note } })
      print([rowOf(await transfers.reject({ id, note }, audit))])
    })
}

const rowOf = ({ code: paymentCode, id, intentId, merchantId, amount, status, sentAt, note }: ManualTransfer) => ({
  paymentCode,
  amount: `${currencyOf(amount.asset)} ${formatAmount(amount)}`,
  status,
  sentAt,
  note,
  payment: intentId,
  merchant: merchantId,
  attempt: id,
})
