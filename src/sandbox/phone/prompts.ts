import { addMs, type Clock } from '#platform/base/clock'
import type { Db, Tx } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import type { Ids } from '#platform/base/ids'
import { addTimer } from '../timers.ts'
import type { Network } from './network.ts'
import { phoneOf, promptLifeMs } from './phones.ts'
import {
  ignorePrompt,
  insertPrompt,
  listDecided,
  listPaid,
  listWaiting,
  lockPrompt,
  savePrompt,
  type PaidQuery,
  type Prompt,
} from './store.ts'

export interface NewPrompt {
  /** The network's id of the prompt, and a second one where the network has two. */
  id: string
  merchantRequestId: string
  phone: string
  shillings: bigint
  accountReference: string
  description: string
  callbackUrl: string
}

export type PhoneAction = 'approve' | 'decline' | 'ignore' | 'callback'

export interface Prompts {
  /** Registers a network that sends prompts. Call it once per network. */
  addNetwork(network: Network): void
  title(prompt: Prompt): string
  /** Shows a prompt. A phone that answers immediately has already decided it. Returns undefined when the id exists. */
  show(network: string, push: NewPrompt): Promise<Prompt | undefined>
  /** Returns the prompt, after applying what its phone should have done by now. */
  findCurrent(id: string): Promise<Prompt | undefined>
  /** Acts for a phone on this prompt, or on its newest waiting one. Returns undefined when there is none. */
  act(phone: string, action: PhoneAction, promptId?: string): Promise<Prompt | undefined>
  listWaiting(phone?: string): Promise<Prompt[]>
  listPaid(of: PaidQuery): Promise<Prompt[]>
}

interface Deps {
  db: Db
  clock: Clock
  ids: Ids
  networks: Map<string, Network>
}

export function createPrompts(given: Omit<Deps, 'networks'>): Prompts {
  const deps: Deps = { ...given, networks: new Map() }
  const { db, clock } = deps
  return {
    addNetwork: (network) => void deps.networks.set(network.name, network),
    title: ({ network }) => networkOf(deps, network).title,
    show: (network, push) => db.transaction((tx) => show(deps, tx, network, push)),
    findCurrent: (id) =>
      db.transaction(async (tx) => {
        const prompt = await lockPrompt(tx, id)
        return prompt && settle(deps, tx, prompt)
      }),
    act: (phone, action, promptId) =>
      db.transaction(async (tx) => {
        const [newest] =
          action === 'callback' ? await listDecided(tx, phone, 1) : await listWaiting(tx, clock.now(), phone)
        const id = promptId ?? newest?.id
        const prompt = id === undefined ? undefined : await lockPrompt(tx, id)
        return prompt?.phone === phone ? actOn(deps, tx, await settle(deps, tx, prompt), action) : undefined
      }),
    listWaiting: (phone) => listWaiting(db, clock.now(), phone),
    listPaid: (of) => listPaid(db, of),
  }
}

const UNDECIDED = { resultCode: null, receiptNumber: null, paidShillings: null, decidedAt: null }

function networkOf({ networks }: Deps, name: string): Network {
  const network = networks.get(name)
  invariant(network, `${name} is a network that has joined`)
  return network
}

async function show(
  deps: Deps,
  tx: Tx,
  network: string,
  { phone: msisdn, shillings, ...push }: NewPrompt,
): Promise<Prompt | undefined> {
  const { clock, ids } = deps
  if (await lockPrompt(tx, push.id)) return undefined
  const createdAt = clock.now()
  const phone = phoneOf(msisdn)
  const shown = {
    ...push,
    network,
    phone: msisdn,
    askedShillings: shillings,
    createdAt,
    actsAt: phone.actsAfterMs === undefined ? null : addMs(createdAt, phone.actsAfterMs),
    endsAt: addMs(createdAt, promptLifeMs(msisdn)),
  }
  await insertPrompt(tx, shown)
  const prompt = { ...shown, ignored: false, ...UNDECIDED }
  // The caller sends the phone's only callback, just before the response to the push.
  if (phone.answer === 'after-callback') return decide(deps, tx, prompt, { resultCode: phone.resultCode, callbacks: 0 })
  await addTimer(tx, ids, { kind: 'prompt', subject: prompt.id, dueAt: prompt.actsAt ?? prompt.endsAt })
  return prompt
}

/** Decides a prompt whose phone or timeout is due. */
async function settle(deps: Deps, tx: Tx, prompt: Prompt): Promise<Prompt> {
  if (prompt.resultCode !== null) return prompt
  const now = deps.clock.now()
  const { resultCode, callbacks } = phoneOf(prompt.phone)
  if (prompt.actsAt !== null && prompt.actsAt <= now) return decide(deps, tx, prompt, { resultCode, callbacks })
  return prompt.endsAt <= now ? decide(deps, tx, prompt, { resultCode: '1037', callbacks }) : prompt
}

async function actOn(deps: Deps, tx: Tx, prompt: Prompt, action: PhoneAction): Promise<Prompt | undefined> {
  if (action === 'callback') {
    if (prompt.resultCode === null) return undefined
    await orderCallbacks(deps, tx, prompt, 1)
    return prompt
  }
  if (prompt.resultCode !== null || prompt.actsAt !== null) return undefined
  if (action === 'ignore') {
    await ignorePrompt(tx, prompt.id)
    return { ...prompt, ignored: true }
  }
  const { callbacks } = phoneOf(prompt.phone)
  return decide(deps, tx, prompt, { resultCode: action === 'approve' ? '0' : '1032', callbacks })
}

/** Decides the prompt and schedules the phone's number of callbacks. */
async function decide(
  deps: Deps,
  tx: Tx,
  prompt: Prompt,
  { resultCode, callbacks }: { resultCode: string; callbacks: number },
): Promise<Prompt> {
  const paid = resultCode === '0'
  const less = prompt.askedShillings - phoneOf(prompt.phone).short
  const decision = {
    resultCode,
    receiptNumber: paid ? networkOf(deps, prompt.network).receiptNumber() : null,
    paidShillings: paid ? (less > 0n ? less : prompt.askedShillings) : null,
    decidedAt: deps.clock.now(),
  }
  await savePrompt(tx, prompt.id, decision)
  const decided = { ...prompt, ...decision }
  await orderCallbacks(deps, tx, decided, callbacks)
  return decided
}

async function orderCallbacks(deps: Deps, tx: Tx, prompt: Prompt, times: number): Promise<void> {
  const { ids, clock } = deps
  const network = networkOf(deps, prompt.network)
  const body = network.callbackBody(prompt)
  for (const subject of times > 0 ? await network.callbackUrls(tx, prompt) : []) {
    for (let i = 0; i < times; i++)
      await addTimer(tx, ids, { kind: network.callbackKind, subject, body, dueAt: clock.now() })
  }
}
