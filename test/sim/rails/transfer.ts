import { money, parseAmount } from '#money'
import { AppError } from '#platform/base/errors'
import type { SimRail } from '../books.ts'
import {
  offersMethod,
  NOTHING,
  pick,
  withRandomElement,
  withPayment,
  type BankCredit,
  type SimulationRun,
  type Payment,
} from '../context.ts'

const STARTED = ['pending', 'unknown', 'submitting', 'created']

/** The payer gets transfer instructions, then may send the money and may report it as sent. */
async function pay(run: SimulationRun, { id, shop }: Payment): Promise<string> {
  const { desk, random, bank, requestUntilAnswered } = run
  const { status, body } = await requestUntilAnswered(shop, `/api/v1/payments/${id}/attempts`, { method: 'transfer' })
  if (status !== 201 || !STARTED.includes(body.status)) return String(status)
  const asked = parseAmount(body.amount, 'KES/2')
  const isSent = random(4) > 0
  if (isSent && !('problem' in asked)) {
    const amount = (asked.amount * pick(random, [100n, 100n, 100n, 50n, 150n])) / 100n
    bank.push({ attemptId: body.id, number: `FT${1000 + bank.length}`, amount })
  }
  if (random(4) === 0) return `${isSent ? 'sent' : 'not sent'} and not reported`
  const said = await desk.world.app.payments.transfers.declareSent({ intentId: id }).catch(describeFailure)
  await desk.restarted()
  return `${isSent ? 'sent' : 'not sent'} and said${said ?? ''}`
}

/** Describes an error of a killed program, or a refusal. */
const describeFailure = (error: unknown): string => ` ${error instanceof AppError ? error.code : 'cut'}`

const audited = (): Promise<void> => Promise.resolve()

async function confirm({ desk }: SimulationRun, { attemptId: id, number, amount }: BankCredit): Promise<string> {
  const confirmation = { id, number, amount: money('KES/2', amount), another: true }
  const said = await desk.world.app.payments.transfers.confirm(confirmation, audited).then(() => '', describeFailure)
  await desk.restarted()
  return `${number}${said}`
}

/** The operator checks reported transfers against the bank's statement. */
async function decide(run: SimulationRun): Promise<string> {
  const { desk, bank } = run
  const { transfers } = desk.world.app.payments
  const { items } = await transfers.list(desk.world.app.db, { limit: 20 })
  const said: string[] = []
  for (const { id } of items) {
    const came = bank.find(({ attemptId }) => attemptId === id)
    said.push(
      came
        ? await confirm(run, came)
        : await transfers.reject({ id, note: 'not there' }, audited).then(() => 'rejected', describeFailure),
    )
    await desk.restarted()
  }
  return said.join(' ') || NOTHING
}

/** Confirms every line of the bank's statement, whether the payer reported it or not. */
export async function confirmAll(run: SimulationRun): Promise<void> {
  await decide(run)
  for (const came of run.bank) await confirm(run, came)
}

export const transfer: SimRail = {
  name: 'transfer',
  method: 'transfer',
  pay,
  acts: (run) => [
    { name: 'transfer', weight: 3, act: () => withPayment(run, offersMethod('transfer'), (one) => pay(run, one)) },
    { name: 'transfers', weight: 3, act: () => decide(run) },
    {
      name: 'transfer-again',
      weight: 1,
      act: () => withRandomElement(run.random, run.bank, (one) => confirm(run, one)),
    },
  ],
  listReceipts: (_, { bank }) => Promise.resolve(bank.map(({ number, amount }) => ({ id: number, number, amount }))),
}
