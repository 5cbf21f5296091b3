import { scriptOf } from '#clients/bitcoin'
import { formatAmount, money, parseAmount } from '#money'
import { sql } from '#platform/database/db'
import type { Desk } from '../desk.ts'
import { isBy, pick, withOne, withPayment, type Address, type Life, type Payment } from '../life.ts'
import type { SimRail, Told } from '../books.ts'

async function askAddress({ insist }: Life, { id, shop, addresses }: Payment): Promise<string> {
  const { status, body } = await insist(shop, `/api/v1/payments/${id}/attempts`, { method: 'bitcoin' })
  if (typeof body.address === 'string') addresses.push({ address: body.address, amount: body.amount })
  return String(status)
}

/** Parts of what was asked for, in thousandths: exactly, too little, too much, next to nothing. */
const PARTS = [1000n, 1000n, 1000n, 500n, 990n, 2000n, 30n]

interface Paid {
  readonly address: string
  readonly amount: string
}

function part(random: Life['random'], { address, amount }: Address): Paid {
  const asked = parseAmount(amount, 'BTC/8')
  const sats = 'problem' in asked ? 0n : (asked.amount * pick(random, PARTS)) / 1000n
  return { address, amount: formatAmount(money('BTC/8', sats > 600n ? sats : 600n)) }
}

async function control({ desk, transactions }: Life, name: string, body: object): Promise<string> {
  const { status, text } = await desk.visit(`/sandbox/bitcoin/${name}`, body)
  const { txid } = JSON.parse(text) as { txid?: string }
  if (txid !== undefined && !transactions.includes(txid)) transactions.push(txid)
  return String(status)
}

async function send(life: Life, one: Address): Promise<string> {
  const { random, payments } = life
  const outputs = [part(random, one)]
  // To the same address, or for two payments at once.
  const asked = payments.flatMap(({ addresses }) => addresses.slice(-1))
  if (random(4) === 0) outputs.push(part(random, random(2) === 0 ? one : pick(random, asked)))
  const how = {
    replaceable: random(3) > 0,
    fee_rate: 1 + random(9),
    from_unconfirmed: random(6) === 0,
    mined: random(5) === 0,
  }
  const status = await control(life, 'pay', { outputs, ...how })
  return `${outputs.map(({ amount }) => amount).join(' and ')} of ${one.amount}${how.mined ? ' mined' : ''} ${status}`
}

async function pay(life: Life, payment: Payment): Promise<string> {
  const asked = await askAddress(life, payment)
  const address = payment.addresses.at(-1)
  return address === undefined ? asked : send(life, address)
}

const hasAddress = ({ addresses }: Payment): boolean => addresses.length > 0

const about = (life: Life, name: string, body: (txid: string) => object): Promise<string> =>
  withOne(life.random, life.transactions, (txid) => control(life, name, body(txid)))

const replace = (life: Life): Promise<string> => {
  const how = pick(life.random, ['keep', 'lower', 'drop', 'drop'])
  const mined = life.random(3) === 0
  return about(life, 'replace', (txid) => ({ txid, how, mined })).then((said) => `${how} ${said}`)
}

async function reorg(life: Life): Promise<string> {
  const how = pick(life.random, ['same', 'wait', 'evict', 'double-spend'])
  const depth = 1 + life.random(3)
  return `${depth} ${how} ${await control(life, 'reorg', { depth, how })}`
}

async function mine(life: Life): Promise<string> {
  const blocks = pick(life.random, [1, 1, 1, 2, 3])
  return `${blocks} ${await control(life, 'mine', { blocks })}`
}

interface KeptChain {
  readonly blocks: readonly { readonly txids: readonly string[] }[]
  readonly txs: Readonly<Record<string, { readonly outputs: readonly { sats: string; script: string }[] }>>
}

/** Every output to an address of ours in the best chain. */
async function took({ providers, world }: Desk): Promise<Told[]> {
  const addresses = await world.app.db.many<{ address: string }>(
    sql`select address from payments.attempts where rail = 'bitcoin' and address is not null`,
  )
  const scripts = new Set(addresses.map(({ address }) => scriptOf(address, 'main')))
  const row = await providers.owner.maybe<{ body: string }>(sql`select body from sandbox.bitcoin`)
  if (!row) return []
  const { blocks, txs } = JSON.parse(row.body) as KeptChain
  return blocks.flatMap(({ txids }) =>
    txids.flatMap((txid) =>
      (txs[txid]?.outputs ?? []).flatMap(({ sats, script }, vout) =>
        scripts.has(script) ? [{ id: `${txid}:${vout}`, number: null, amount: BigInt(sats) }] : [],
      ),
    ),
  )
}

export const bitcoin: SimRail = {
  name: 'bitcoin',
  method: 'bitcoin',
  pay,
  acts: (life) => [
    { name: 'address', weight: 3, act: () => withPayment(life, isBy('bitcoin'), (one) => askAddress(life, one)) },
    {
      name: 'send',
      weight: 5,
      act: () => withPayment(life, hasAddress, ({ addresses }) => send(life, pick(life.random, addresses))),
    },
    { name: 'mine', weight: 7, act: () => mine(life) },
    { name: 'replace', weight: 5, act: () => replace(life) },
    { name: 'reorg', weight: 5, act: () => reorg(life) },
    { name: 'evict', weight: 2, act: () => about(life, 'evict', (txid) => ({ txid })) },
    { name: 'resend', weight: 2, act: () => about(life, 'resend', (txid) => ({ txid })) },
  ],
  took,
}
