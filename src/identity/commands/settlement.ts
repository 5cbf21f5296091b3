import { InvalidArgumentError, type Command } from 'commander'
import type { OpenCli } from '#platform/runtime/module'
import { openIdentity } from './context.ts'

interface Terms {
  holdDays?: number
  feeBps?: number
  feeFixed?: Record<string, string>
}

/** Declares `npx purser merchant settlement` and `npx purser merchant destination`. */
export function settlementCommands(merchant: Command, open: OpenCli): void {
  merchant
    .command('settlement')
    .description('set hold days and fees, for receipts from now on')
    .argument('<merchant>', 'merchant id, mer_…')
    .option('--hold-days <n>', 'days from receipt until the money is available; 0 for at once', parseCount)
    .option('--fee-bps <n>', 'fee on each receipt, in basis points (hundredths of a percent)', parseCount)
    .option('--fee-fixed <list>', 'fixed fee on each receipt by currency: KES=10,USD=0.30, or none', parseFees)
    .action(async (merchantId: string, terms: Terms) => {
      const { context, identity } = await openIdentity(open)
      const input = { merchantId, ...terms }
      const { settlement } = await context.db.transaction((tx) => identity.setSettlement(tx, input, context.actor))
      context.print(JSON.stringify(settlement, null, 2))
    })
  merchant
    .command('destination')
    .description('set the account that settlements are paid to: a phone, a bank account, or none')
    .argument('<merchant>', 'merchant id, mer_…')
    .option('--mpesa <phone>', 'a Kenyan mobile number, such as 0712345678 or +254712345678')
    .option('--bank <name>', 'name of the bank; needs --account and --holder')
    .option('--account <number>', 'account number')
    .option('--holder <name>', 'name of the account holder')
    .option('--none', 'remove the account')
    .action(
      async (
        merchantId: string,
        options: Record<'mpesa' | 'bank' | 'account' | 'holder', string | undefined> & { none?: boolean },
      ) => {
        const { context, identity } = await openIdentity(open)
        const { mpesa, bank, account, holder, none } = options
        const destination = none
          ? null
          : mpesa === undefined
            ? { kind: 'bank', bank, account, holder }
            : { kind: 'mpesa', phone: mpesa }
        const input = { merchantId, destination }
        const shown = await context.db.transaction((tx) => identity.setDestination(tx, input, context.actor))
        context.print(shown ? `${shown.kind} ${shown.ends}` : 'None.')
      },
    )
}

function parseCount(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number.parseInt(text, 10)
  throw new InvalidArgumentError('Use a whole number.')
}

function parseFees(text: string): Record<string, string> {
  if (text === 'none') return {}
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [, currency = '', amount = ''] = /^\s*([A-Z]{3,5})=(\d+(?:\.\d+)?)\s*$/.exec(part) ?? []
      if (currency === '') throw new InvalidArgumentError('Use the form KES=10,USD=0.30')
      return [currency, amount]
    }),
  )
}
