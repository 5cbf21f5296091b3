import { money, parseAmount } from '#money'
import { AppError } from '#platform/base/errors'
import type { SimRail } from '../books.ts'
import { isBy, NOTHING, pick, withOne, withPayment, type Banked, type Life, type Payment } from '../life.ts'

const STARTED = ['pending', 'unknown', 'submitting', 'created']

/** The payer is told where to send it, sends it or does not, and says so or does not. */
async function pay(life: Life, { id, shop }: Payment): Promise<string> {
  const { desk, random, bank, insist } = life
  const { status, body } = await insist(shop, `/api/v1/payments/${id}/attempts`, { method: 'transfer' })
  if (status !== 201 || !STARTED.includes(body.status)) return String(status)
  const asked = parseAmount(body.amount, 'KES/2')
  const isSent = random(4) > 0
  if (isSent && !('problem' in asked)) {
    const amount = (asked.amount * pick(random, [100n, 100n, 100n, 50n, 150n])) / 100n
    bank.push({ attemptId: body.id, number: `FT${1000 + bank.length}`, amount })
  }
  if (random(4) === 0) return `${isSent ? 'sent' : 'not sent'} and not said`
  const said = await desk.world.app.payments.transfers.declareSent({ intentId: id }).catch(excuse)
  await desk.settled()
  return `${isSent ? 'sent' : 'not sent'} and said${said ?? ''}`
}

/** What a program says that was killed meanwhile, or that knows better. */
const excuse = (error: unknown): string => ` ${error instanceof AppError ? error.code : 'cut'}`

const audited = (): Promise<void> => Promise.resolve()

async function confirm({ desk }: Life, { attemptId: id, number, amount }: Banked): Promise<string> {
  const confirmation = { id, number, amount: money('KES/2', amount), another: true }
  const said = await desk.world.app.payments.transfers.confirm(confirmation, audited).then(() => '', excuse)
  await desk.settled()
  return `${number}${said}`
}

/** The operator goes through what payers say they have sent, with the bank's books beside it. */
async function decide(life: Life): Promise<string> {
  const { desk, bank } = life
  const { transfers } = desk.world.app.payments
  const { items } = await transfers.list(desk.world.app.db, { limit: 20 })
  const said: string[] = []
  for (const { id } of items) {
    const came = bank.find(({ attemptId }) => attemptId === id)
    said.push(
      came
        ? await confirm(life, came)
        : await transfers.reject({ id, note: 'not there' }, audited).then(() => 'rejected', excuse),
    )
    await desk.settled()
  }
  return said.join(' ') || NOTHING
}

/** In the end every line of the bank's books is confirmed, whether the payer said anything or not. */
export async function confirmAll(life: Life): Promise<void> {
  await decide(life)
  for (const came of life.bank) await confirm(life, came)
}

export const transfer: SimRail = {
  name: 'transfer',
  method: 'transfer',
  pay,
  acts: (life) => [
    { name: 'transfer', weight: 3, act: () => withPayment(life, isBy('transfer'), (one) => pay(life, one)) },
    { name: 'transfers', weight: 3, act: () => decide(life) },
    { name: 'transfer-again', weight: 1, act: () => withOne(life.random, life.bank, (one) => confirm(life, one)) },
  ],
  took: (_, { bank }) => Promise.resolve(bank.map(({ number, amount }) => ({ id: number, number, amount }))),
}
