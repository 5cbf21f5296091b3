import { sql } from '#platform/database/db'
import type { Given, SimRail, Told } from '../books.ts'
import { pick } from '../life.ts'
import { answerPrompt, prompt, promptPhone, repeatCallback } from './phones.ts'

export const PHONES = Array.from({ length: 17 }, (_, i) => `2547000000${String(i + 1).padStart(2, '0')}`)

/** Without those who do not pay. */
const PAYING = PHONES.filter((phone) => !/0[234]$/.test(phone))

export const mpesa: SimRail = {
  name: 'mpesa',
  method: 'mpesa',
  pay: (life, payment) => prompt(life, payment, 'mpesa', pick(life.random, PAYING)),
  acts: (life) => [
    { name: 'prompt', weight: 6, act: () => promptPhone(life, 'mpesa', PHONES) },
    { name: 'callback-again', weight: 2, act: () => repeatCallback(life, PHONES) },
    { name: 'answer-prompt', weight: 3, act: () => answerPrompt(life) },
  ],
  took: ({ providers }) =>
    providers.owner.many<Told>(sql`select id, receipt_number as number, paid_shillings::numeric * 100 as amount
      from sandbox.prompts where network = 'mpesa' and result_code = '0'`),
  gave: ({ providers }) =>
    providers.owner
      .many<Given>(sql`select regexp_replace(id, '-\\d+$', '') as "refundId", shillings::numeric * 100 as amount
      from sandbox.payouts where result_code = '0'`),
  differences: async ({ providers }) => {
    const twice = await providers.owner.many<{
      url: string
      times: bigint
    }>(sql`select callback_url as url, count(*) as times
      from sandbox.prompts where network = 'mpesa' group by 1 having count(*) > 1`)
    return twice.map(({ url, times }) => `${url} was prompted ${times} times`)
  },
}
