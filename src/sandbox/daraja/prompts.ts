import { addMs, type Clock } from '#platform/clock'
import type { Db, Tx } from '#platform/db'
import type { Ids } from '#platform/ids'
import { addTimer } from '../timers.ts'
import { phoneOf, promptLifeMs, RESULTS } from './phones.ts'
import { insertPrompt, ignorePrompt, listDecided, listWaiting, lockPrompt, savePrompt, type Prompt } from './store.ts'

export interface Pushed {
  phone: string
  shillings: bigint
  accountReference: string
  description: string
  callbackUrl: string
}

export type PhoneAction = 'approve' | 'decline' | 'ignore' | 'callback'

export interface Prompts {
  /** Shows a prompt. For a phone that acts at once, what it did is already decided. */
  show(push: Pushed): Promise<Prompt>
  /** The prompt as it stands now: what a phone should have done by now, it has done. */
  look(id: string): Promise<Prompt | undefined>
  /** Somebody acts for a phone: on this prompt, or the newest that waits. Undefined when there is none to act on. */
  act(phone: string, action: PhoneAction, promptId?: string): Promise<Prompt | undefined>
  listWaiting(phone?: string): Promise<Prompt[]>
}

export function createPrompts({ db, clock, ids }: { db: Db; clock: Clock; ids: Ids }): Prompts {
  /** Decides, and orders as many callbacks as the phone sends. */
  async function decide(tx: Tx, prompt: Prompt, resultCode: string, callbacks: number): Promise<Prompt> {
    const now = clock.now()
    const paid = resultCode === '0'
    const { short } = phoneOf(prompt.phone)
    const decision = {
      resultCode,
      receiptNumber: paid ? receiptNumber(ids) : null,
      paidShillings: paid
        ? prompt.askedShillings > short
          ? prompt.askedShillings - short
          : prompt.askedShillings
        : null,
      decidedAt: now,
    }
    await savePrompt(tx, prompt.id, decision)
    const decided = { ...prompt, ...decision }
    for (let i = 0; i < callbacks; i++) await orderCallback(tx, decided, now)
    return decided
  }

  const orderCallback = (tx: Tx, prompt: Prompt, dueAt: Date): Promise<void> =>
    addTimer(tx, ids, { kind: 'callback', subject: prompt.callbackUrl, body: callbackBody(prompt), dueAt })

  async function settle(tx: Tx, prompt: Prompt): Promise<Prompt> {
    if (prompt.resultCode !== null) return prompt
    const now = clock.now()
    const phone = phoneOf(prompt.phone)
    if (prompt.actsAt !== null && prompt.actsAt <= now) return decide(tx, prompt, phone.resultCode, phone.callbacks)
    return prompt.endsAt <= now ? decide(tx, prompt, '1037', phone.callbacks) : prompt
  }

  return {
    show: ({ phone: msisdn, shillings, ...push }) =>
      db.transaction(async (tx) => {
        const createdAt = clock.now()
        const phone = phoneOf(msisdn)
        const actsAt = phone.actsAfterMs === undefined ? null : addMs(createdAt, phone.actsAfterMs)
        const endsAt = addMs(createdAt, promptLifeMs(msisdn))
        const id = checkoutRequestId(ids, createdAt)
        const merchantRequestId = `${digits(ids, 5)}-${digits(ids, 8)}-1`
        const shown = {
          ...push,
          id,
          merchantRequestId,
          phone: msisdn,
          askedShillings: shillings,
          createdAt,
          actsAt,
          endsAt,
        }
        await insertPrompt(tx, shown)
        const prompt = { ...shown, ignored: false, ...UNDECIDED }
        // Its one callback is delivered by whoever sends the answer, before it.
        if (phone.answer === 'after-callback') return decide(tx, prompt, phone.resultCode, 0)
        await addTimer(tx, ids, { kind: 'prompt', subject: id, dueAt: actsAt ?? endsAt })
        return prompt
      }),
    look: (id) =>
      db.transaction(async (tx) => {
        const prompt = await lockPrompt(tx, id)
        return prompt && settle(tx, prompt)
      }),
    act: (msisdn, action, promptId) =>
      db.transaction(async (tx) => {
        const [newest] =
          action === 'callback' ? await listDecided(tx, msisdn, 1) : await listWaiting(tx, clock.now(), msisdn)
        const id = promptId ?? newest?.id
        const prompt = id === undefined ? undefined : await lockPrompt(tx, id)
        if (prompt?.phone !== msisdn) return undefined
        return actOn(tx, await settle(tx, prompt), action)
      }),
    listWaiting: (phone) => listWaiting(db, clock.now(), phone),
  }

  async function actOn(tx: Tx, prompt: Prompt, action: PhoneAction): Promise<Prompt | undefined> {
    if (action === 'callback') {
      if (prompt.resultCode === null) return undefined
      await orderCallback(tx, prompt, clock.now())
      return prompt
    }
    if (prompt.resultCode !== null || prompt.actsAt !== null) return undefined
    if (action !== 'ignore')
      return decide(tx, prompt, action === 'approve' ? '0' : '1032', phoneOf(prompt.phone).callbacks)
    await ignorePrompt(tx, prompt.id)
    return { ...prompt, ignored: true }
  }
}

const UNDECIDED = { resultCode: null, receiptNumber: null, paidShillings: null, decidedAt: null }

/** The body that Safaricom posts: metadata only on success, a Balance item without a value, numbers where it writes numbers. */
export function callbackBody(prompt: Prompt): string {
  const { merchantRequestId, id, resultCode, paidShillings, receiptNumber: number, decidedAt, phone } = prompt
  const code = resultCode ?? '4999'
  const items = [
    `{"Name":"Amount","Value":${paidShillings ?? 0n}.00}`,
    `{"Name":"MpesaReceiptNumber","Value":${JSON.stringify(number)}}`,
    '{"Name":"Balance"}',
    `{"Name":"TransactionDate","Value":${eatStamp(decidedAt ?? prompt.createdAt)}}`,
    `{"Name":"PhoneNumber","Value":${phone}}`,
  ]
  const metadata = code === '0' ? `,"CallbackMetadata":{"Item":[${items.join(',')}]}` : ''
  const said = JSON.stringify(RESULTS[code] ?? 'Unknown')
  return `{"Body":{"stkCallback":{"MerchantRequestID":"${merchantRequestId}","CheckoutRequestID":"${id}","ResultCode":${code},"ResultDesc":${said}${metadata}}}}`
}

/** `yyyyMMddHHmmss`, East Africa Time. Written anew here: a simulator that borrowed the client's code could not find its faults. */
function eatStamp(at: Date): string {
  const shifted = addMs(at, 3 * 3_600_000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${shifted.getUTCFullYear()}${two(shifted.getUTCMonth() + 1)}${two(shifted.getUTCDate())}`
  return date + two(shifted.getUTCHours()) + two(shifted.getUTCMinutes()) + two(shifted.getUTCSeconds())
}

/** Digits of an id's random part. */
function digits(ids: Ids, length: number): string {
  const random = BigInt(`0x${ids.uuid().replaceAll('-', '').slice(16)}`)
  return String(random % 10n ** BigInt(length)).padStart(length, '0')
}

const checkoutRequestId = (ids: Ids, at: Date): string => `ws_CO_${eatStamp(at)}${digits(ids, 12)}`

/** Ten capitals and digits, such as NLJ7RT61SV. */
function receiptNumber(ids: Ids): string {
  const random = BigInt(`0x${ids.uuid().replaceAll('-', '').slice(16)}`)
  return `S${random.toString(36).toUpperCase().padStart(13, '0').slice(-9)}`
}
