import { sql } from '#platform/database/db'
import type { ProviderRefund, SimRail, ProviderReceipt } from '../books.ts'
import { pick } from '../context.ts'
import { answerPrompt, prompt, promptPhone, repeatCallback } from './phones.ts'

export const PHONES = Array.from({ length: 17 }, (_, i) => `2547000000${String(i + 1).padStart(2, '0')}`)

/** Phones that pay. */
const PAYING = PHONES.filter((phone) => !/0[234]$/.test(phone))

export const mpesa: SimRail = {
  name: 'mpesa',
  method: 'mpesa',
  pay: (run, payment) => prompt(run, payment, 'mpesa', pick(run.random, PAYING)),
  acts: (run) => [
    { name: 'prompt', weight: 6, act: () => promptPhone(run, 'mpesa', PHONES) },
    { name: 'callback-again', weight: 2, act: () => repeatCallback(run, PHONES) },
    { name: 'answer-prompt', weight: 3, act: () => answerPrompt(run) },
  ],
  listReceipts: ({ providers }) =>
    providers.owner
      .many<ProviderReceipt>(sql`select id, receipt_number as number, paid_shillings::numeric * 100 as amount
      from sandbox.prompts where network = 'mpesa' and result_code = '0'`),
  listRefunds: ({ providers }) =>
    providers.owner
      .many<ProviderRefund>(sql`select regexp_replace(id, '-\\d+$', '') as "refundId", shillings::numeric * 100 as amount
      from sandbox.payouts where result_code = '0'`),
  listDifferences: async ({ providers }) => {
    const twice = await providers.owner.many<{
      url: string
      times: bigint
    }>(sql`select callback_url as url, count(*) as times
      from sandbox.prompts where network = 'mpesa' group by 1 having count(*) > 1`)
    return twice.map(({ url, times }) => `${url} was prompted ${times} times`)
  },
}
