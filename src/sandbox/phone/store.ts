import { sql, type Queryable, type Tx } from '#platform/database/db'

export interface Prompt {
  readonly id: string
  /** Network that sent the prompt. */
  readonly network: string
  readonly merchantRequestId: string
  readonly phone: string
  readonly askedShillings: bigint
  readonly accountReference: string
  readonly description: string
  readonly callbackUrl: string
  readonly createdAt: Date
  readonly actsAt: Date | null
  readonly endsAt: Date
  readonly ignored: boolean
  readonly resultCode: string | null
  readonly receiptNumber: string | null
  readonly paidShillings: bigint | null
  readonly decidedAt: Date | null
}

export interface Decision {
  readonly resultCode: string
  readonly receiptNumber: string | null
  readonly paidShillings: bigint | null
  readonly decidedAt: Date
}

const COLUMNS = sql`id, network, merchant_request_id as "merchantRequestId", phone, asked_shillings as "askedShillings",
  account_reference as "accountReference", description, callback_url as "callbackUrl", created_at as "createdAt",
  acts_at as "actsAt", ends_at as "endsAt", ignored, result_code as "resultCode", receipt_number as "receiptNumber",
  paid_shillings as "paidShillings", decided_at as "decidedAt"`

export async function insertPrompt(tx: Tx, prompt: Omit<Prompt, keyof Decision | 'ignored'>): Promise<void> {
  const { id, network, merchantRequestId, phone, askedShillings, accountReference, description, callbackUrl } = prompt
  await tx.run(sql`insert into sandbox.prompts (id, network, merchant_request_id, phone, asked_shillings, account_reference,
      description, callback_url, created_at, acts_at, ends_at)
    values (${id}, ${network}, ${merchantRequestId}, ${phone}, ${askedShillings}, ${accountReference}, ${description}, ${callbackUrl},
      ${prompt.createdAt}, ${prompt.actsAt}, ${prompt.endsAt})`)
}

export const lockPrompt = (tx: Tx, id: string): Promise<Prompt | undefined> =>
  tx.maybe<Prompt>(sql`select ${COLUMNS} from sandbox.prompts where id = ${id} for update`)

export async function savePrompt(tx: Tx, id: string, decision: Decision): Promise<void> {
  const { resultCode, receiptNumber, paidShillings, decidedAt } = decision
  await tx.run(sql`update sandbox.prompts set result_code = ${resultCode}, receipt_number = ${receiptNumber},
    paid_shillings = ${paidShillings}, decided_at = ${decidedAt} where id = ${id} and result_code is null`)
}

export const ignorePrompt = (tx: Tx, id: string): Promise<number> =>
  tx.run(sql`update sandbox.prompts set ignored = true where id = ${id} and result_code is null`)

/** Lists prompts that wait for a person, newest first, of one phone or all phones. */
export const listWaiting = (q: Queryable, now: Date, phone?: string): Promise<Prompt[]> =>
  q.many<Prompt>(sql`select ${COLUMNS} from sandbox.prompts
    where result_code is null and not ignored and acts_at is null and ends_at > ${now}
      and (${phone ?? null}::text is null or phone = ${phone ?? null})
    order by created_at desc limit 50`)

/** Lists a phone's decided prompts, newest first. */
export const listDecided = (q: Queryable, phone: string, limit: number): Promise<Prompt[]> =>
  q.many<Prompt>(sql`select ${COLUMNS} from sandbox.prompts where phone = ${phone} and result_code is not null
    order by created_at desc limit ${limit}`)

export interface PaidQuery {
  readonly network: string
  readonly from: Date
  readonly to: Date
  readonly offset: number
  readonly limit: number
}

/** Lists paid prompts of a network in a time range, oldest first. */
export const listPaid = (q: Queryable, { network, from, to, offset, limit }: PaidQuery): Promise<Prompt[]> =>
  q.many<Prompt>(sql`select ${COLUMNS} from sandbox.prompts
    where network = ${network} and paid_shillings is not null and decided_at >= ${from} and decided_at < ${to} order by decided_at, id offset ${offset} limit ${limit}`)
