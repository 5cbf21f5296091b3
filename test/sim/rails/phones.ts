import { isBy, NOTHING, pick, withPayment, type Life, type Payment } from '../life.ts'

/** Prompts on phones, whichever network sends them. */

/** Phones of people: they answer when somebody acts for them. */
const PEOPLE = ['254711000001', '254711000002']

export async function prompt(life: Life, { id, shop }: Payment, method: string, phone: string): Promise<string> {
  const { status } = await life.insist(shop, `/api/v1/payments/${id}/attempts`, { method, phone })
  return `${phone} ${status}`
}

export const promptPhone = (life: Life, method: string, phones: readonly string[]): Promise<string> =>
  withPayment(life, isBy(method), (payment) => {
    const phone = life.random(8) === 0 ? pick(life.random, PEOPLE) : pick(life.random, phones)
    return prompt(life, payment, method, phone)
  })

/** A network repeats what it told, long after. */
export async function repeatCallback({ desk, random }: Life, phones: readonly string[]): Promise<string> {
  const phone = pick(random, phones)
  const { status } = await desk.visit(`/sandbox/phone/${phone}/callback`)
  return status === 200 ? phone : NOTHING
}

export async function answerPrompt({ desk, random }: Life): Promise<string> {
  const [phone, action] = [pick(random, PEOPLE), pick(random, ['approve', 'approve', 'decline'])]
  const { status } = await desk.visit(`/sandbox/phone/${phone}/${action}`)
  return status === 200 ? `${phone} ${action}` : NOTHING
}
