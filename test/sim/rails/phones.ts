import { offersMethod, NOTHING, pick, withPayment, type SimulationRun, type Payment } from '../context.ts'

/** Phone prompts, for any mobile money network. */

/** Phones without automatic answers: they wait for manual action. */
const PEOPLE = ['254711000001', '254711000002']

export async function prompt(
  run: SimulationRun,
  { id, shop }: Payment,
  method: string,
  phone: string,
): Promise<string> {
  const { status } = await run.requestUntilAnswered(shop, `/api/v1/payments/${id}/attempts`, { method, phone })
  return `${phone} ${status}`
}

export const promptPhone = (run: SimulationRun, method: string, phones: readonly string[]): Promise<string> =>
  withPayment(run, offersMethod(method), (payment) => {
    const phone = run.random(8) === 0 ? pick(run.random, PEOPLE) : pick(run.random, phones)
    return prompt(run, payment, method, phone)
  })

/** The network repeats an old callback. */
export async function repeatCallback({ desk, random }: SimulationRun, phones: readonly string[]): Promise<string> {
  const phone = pick(random, phones)
  const { status } = await desk.visit(`/sandbox/phone/${phone}/callback`)
  return status === 200 ? phone : NOTHING
}

export async function answerPrompt({ desk, random }: SimulationRun): Promise<string> {
  const [phone, action] = [pick(random, PEOPLE), pick(random, ['approve', 'approve', 'decline'])]
  const { status } = await desk.visit(`/sandbox/phone/${phone}/${action}`)
  return status === 200 ? `${phone} ${action}` : NOTHING
}
