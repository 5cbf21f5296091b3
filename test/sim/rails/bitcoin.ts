import { scriptOf } from '#clients/bitcoin'
import { formatAmount, money, parseAmount } from '#money'
import { sql } from '#platform/database/db'
import type { Desk } from '../desk.ts'
import {
  offersMethod,
  pick,
  withRandomElement,
  withPayment,
  type Address,
  type SimulationRun,
  type Payment,
} from '../context.ts'
import type { SimRail, ProviderReceipt } from '../books.ts'

async function askAddress({ requestUntilAnswered }: SimulationRun, { id, shop, addresses }: Payment): Promise<string> {
  const { status, body } = await requestUntilAnswered(shop, `/api/v1/payments/${id}/attempts`, { method: 'bitcoin' })
  if (typeof body.address === 'string') addresses.push({ address: body.address, amount: body.amount })
  return String(status)
}

/** Shares of the requested amount in thousandths: exact, underpaid, overpaid, nearly nothing. */
const PARTS = [1000n, 1000n, 1000n, 500n, 990n, 2000n, 30n]

interface Paid {
  readonly address: string
  readonly amount: string
}

function part(random: SimulationRun['random'], { address, amount }: Address): Paid {
  const asked = parseAmount(amount, 'BTC/8')
  const sats = 'problem' in asked ? 0n : (asked.amount * pick(random, PARTS)) / 1000n
  return { address, amount: formatAmount(money('BTC/8', sats > 600n ? sats : 600n)) }
}

async function control({ desk, transactions }: SimulationRun, name: string, body: object): Promise<string> {
  const { status, text } = await desk.visit(`/sandbox/bitcoin/${name}`, body)
  const { txid } = JSON.parse(text) as { txid?: string }
  if (txid !== undefined && !transactions.includes(txid)) transactions.push(txid)
  return String(status)
}

async function send(run: SimulationRun, one: Address): Promise<string> {
  const { random, payments } = run
  const outputs = [part(random, one)]
  // A second output to the same address, or one transaction for two payments.
  const asked = payments.flatMap(({ addresses }) => addresses.slice(-1))
  if (random(4) === 0) outputs.push(part(random, random(2) === 0 ? one : pick(random, asked)))
  const how = {
    replaceable: random(3) > 0,
    fee_rate: 1 + random(9),
    from_unconfirmed: random(6) === 0,
    mined: random(5) === 0,
  }
  const status = await control(run, 'pay', { outputs, ...how })
  return `${outputs.map(({ amount }) => amount).join(' and ')} of ${one.amount}${how.mined ? ' mined' : ''} ${status}`
}

async function pay(run: SimulationRun, payment: Payment): Promise<string> {
  const asked = await askAddress(run, payment)
  const address = payment.addresses.at(-1)
  return address === undefined ? asked : send(run, address)
}

const hasAddress = ({ addresses }: Payment): boolean => addresses.length > 0

const about = (run: SimulationRun, name: string, body: (txid: string) => object): Promise<string> =>
  withRandomElement(run.random, run.transactions, (txid) => control(run, name, body(txid)))

const replace = (run: SimulationRun): Promise<string> => {
  const how = pick(run.random, ['keep', 'lower', 'drop', 'drop'])
  const mined = run.random(3) === 0
  return about(run, 'replace', (txid) => ({ txid, how, mined })).then((said) => `${how} ${said}`)
}

async function reorg(run: SimulationRun): Promise<string> {
  const how = pick(run.random, ['same', 'wait', 'evict', 'double-spend'])
  const depth = 1 + run.random(3)
  return `${depth} ${how} ${await control(run, 'reorg', { depth, how })}`
}

async function mine(run: SimulationRun): Promise<string> {
  const blocks = pick(run.random, [1, 1, 1, 2, 3])
  return `${blocks} ${await control(run, 'mine', { blocks })}`
}

interface KeptChain {
  readonly blocks: readonly { readonly txids: readonly string[] }[]
  readonly txs: Readonly<Record<string, { readonly outputs: readonly { sats: string; script: string }[] }>>
}

/** Lists every output to Purser's addresses in the best chain. */
async function listReceipts({ providers, world }: Desk): Promise<ProviderReceipt[]> {
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
  acts: (run) => [
    { name: 'address', weight: 3, act: () => withPayment(run, offersMethod('bitcoin'), (one) => askAddress(run, one)) },
    {
      name: 'send',
      weight: 5,
      act: () => withPayment(run, hasAddress, ({ addresses }) => send(run, pick(run.random, addresses))),
    },
    { name: 'mine', weight: 7, act: () => mine(run) },
    { name: 'replace', weight: 5, act: () => replace(run) },
    { name: 'reorg', weight: 5, act: () => reorg(run) },
    { name: 'evict', weight: 2, act: () => about(run, 'evict', (txid) => ({ txid })) },
    { name: 'resend', weight: 2, act: () => about(run, 'resend', (txid) => ({ txid })) },
  ],
  listReceipts,
}
