import { sql } from '#platform/database/db'
import type { SimRail, Told } from '../books.ts'
import { pick } from '../life.ts'
import { prompt, promptPhone, repeatCallback } from './phones.ts'

/** Without …09: Airtel takes what was asked for or nothing, so nobody pays less. */
const PHONES = ['01', '02', '03', '04', '05', '06', '07', '08', '10', '11'].map((end) => `2547300000${end}`)

export const airtel: SimRail = {
  name: 'airtel',
  method: 'airtel',
  pay: (life, payment) => prompt(life, payment, 'airtel', pick(life.random, PHONES)),
  acts: (life) => [
    { name: 'airtel', weight: 4, act: () => promptPhone(life, 'airtel', PHONES) },
    { name: 'airtel-again', weight: 1, act: () => repeatCallback(life, PHONES) },
  ],
  took: ({ providers }) =>
    providers.owner.many<Told>(sql`select id, receipt_number as number, paid_shillings::numeric * 100 as amount
      from sandbox.prompts where network = 'airtel' and result_code = '0'`),
}
