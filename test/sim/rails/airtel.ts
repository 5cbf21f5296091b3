import { sql } from '#platform/database/db'
import type { SimRail, ProviderReceipt } from '../books.ts'
import { pick } from '../context.ts'
import { prompt, promptPhone, repeatCallback } from './phones.ts'

/** Without …09, which underpays: Airtel has no underpayment. */
const PHONES = ['01', '02', '03', '04', '05', '06', '07', '08', '10', '11'].map((end) => `2547300000${end}`)

export const airtel: SimRail = {
  name: 'airtel',
  method: 'airtel',
  pay: (run, payment) => prompt(run, payment, 'airtel', pick(run.random, PHONES)),
  acts: (run) => [
    { name: 'airtel', weight: 4, act: () => promptPhone(run, 'airtel', PHONES) },
    { name: 'airtel-again', weight: 1, act: () => repeatCallback(run, PHONES) },
  ],
  listReceipts: ({ providers }) =>
    providers.owner
      .many<ProviderReceipt>(sql`select id, receipt_number as number, paid_shillings::numeric * 100 as amount
      from sandbox.prompts where network = 'airtel' and result_code = '0'`),
}
