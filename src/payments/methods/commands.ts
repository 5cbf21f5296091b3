import type { Command } from 'commander'
import { currencyOf, formatAmount, parseAmount } from '#money'
import { AppError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import type { OnTransferDecided, ManualTransfer, Transfers } from './types.ts'

const MAX_LISTED = 100

/** Declares `npx purser payments transfers|confirm|reject`, with which an operator decides on manual transfers. */
export function transferCommands(
  payments: Command,
  open: OpenCli,
  openPayments: () => Promise<{ readonly transfers: Transfers }>,
): void {
  payments
    .command('transfers')
    .description(`list up to ${MAX_LISTED} manual transfers that wait for a decision, oldest first`)
    .action(async () => {
      const { db, print } = await open()
      const { transfers } = await openPayments()
      const { items } = await transfers.list(db, { limit: MAX_LISTED })
      print(items.length === 0 ? 'No transfers are waiting.' : items.map(toOutputRow))
    })
  const onTransfer = (name: string, description: string): Command =>
    payments
      .command(name)
      .description(description)
      .argument('<transfer>', 'payment code, att_… or pay_… (the newest transfer of that payment)')
  onTransfer('confirm', 'confirm that the money of a manual transfer arrived, and credits it')
    .requiredOption('--number <text>', 'number of the transfer on the bank statement; each number is counted once')
    .option('--amount <amount>', 'amount that arrived, in the currency of the transfer (default: the requested amount)')
    .option('--another', 'confirm an additional transfer: the payer sent twice with one payment code')
    .action(async (name: string, options: { number: string; amount?: string; another?: true }) => {
      const { db, print, record } = await open()
      const { transfers } = await openPayments()
      const { id, amount: asked } = await transfers.require(db, name)
      const amount = options.amount === undefined ? undefined : parseAmount(options.amount, asked.asset)
      if (amount && 'problem' in amount) throw new AppError('payments.bad-options', 422, `--amount ${amount.problem}`)
      const { number, another } = options
      const detail = { number, ...(options.amount !== undefined && { amount: options.amount }) }
      const audit: OnTransferDecided = (tx, { id: target }) =>
        record(tx, { action: 'payments.transfer-confirmed', target, detail })
      print([toOutputRow(await transfers.confirm({ id, number, amount, another }, audit))])
    })
  onTransfer('reject', 'record that the money of a manual transfer did not arrive; the payer can try again')
    .requiredOption('--note <text>', 'reason, for the audit log')
    .action(async (name: string, { note }: { note: string }) => {
      const { db, print, record } = await open()
      const { transfers } = await openPayments()
      const { id } = await transfers.require(db, name)
      const audit: OnTransferDecided = (tx, { id: target }) =>
        record(tx, { action: 'payments.transfer-rejected', target, detail: { note } })
      print([toOutputRow(await transfers.reject({ id, note }, audit))])
    })
}

const toOutputRow = ({
  code: paymentCode,
  id,
  intentId,
  merchantId,
  amount,
  status,
  sentAt,
  note,
}: ManualTransfer) => ({
  paymentCode,
  amount: `${currencyOf(amount.asset)} ${formatAmount(amount)}`,
  status,
  sentAt,
  note,
  payment: intentId,
  merchant: merchantId,
  attempt: id,
})
