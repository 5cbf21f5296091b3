import { z } from 'zod'
import { parseAmount } from '#money'
import { AppError } from '#platform/base/errors'
import type { HttpServer, Request } from '#platform/web/http'
import type { Gate } from '../access.ts'
import { BITCOIN } from '../credentials.ts'
import type { Assets } from '../page/assets.ts'
import { RpcError, tipOf } from './chain.ts'
import type { BitcoinNode } from './node.ts'
import { bitcoinPage } from './page.ts'
import { evict, mine, pay, reorg, replace, resend, type Done } from './payer.ts'
import { writeJson } from './rpc.ts'
import { scriptOf, type Output } from './transactions.ts'

export interface BitcoinDeps {
  node: BitcoinNode
  gate: Gate
}

export const BITCOIN_CONTROLS = {
  'GET /sandbox/bitcoin': 'shows the page: pay an address, mine a block',
  'POST /sandbox/bitcoin/pay':
    '{"address","amount"} or {"outputs":[{"address","amount"}]}; "replaceable", "fee_rate", "from_unconfirmed", "mined"',
  'POST /sandbox/bitcoin/mine':
    '{"blocks":1,"empty":false,"address"}: mines waiting payments; the reward goes to the address',
  'POST /sandbox/bitcoin/replace': '{"txid","how":"keep|lower|drop","mined":false}: replaces a waiting payment',
  'POST /sandbox/bitcoin/reorg': '{"depth":1,"blocks","how":"same|wait|evict|double-spend"}: replaces the last blocks',
  'POST /sandbox/bitcoin/evict': '{"txid"}: drops it from the mempool',
  'POST /sandbox/bitcoin/resend': '{"txid"}: sends it again',
  'POST /sandbox/bitcoin/node':
    '{"chain","syncing","warming_up","estimate"}: sets the state of the node; "lose_events" drops ZMQ events',
} as const

const loginOf = (user: string): string => `Basic ${Buffer.from(`${user}:${BITCOIN.password}`).toString('base64')}`
/** Network by user: the live user sees the main network, as Stripe's live key creates live objects. */
const NETWORK_BY_LOGIN: Readonly<Record<string, string | undefined>> = {
  [loginOf(BITCOIN.user)]: undefined,
  [loginOf(BITCOIN.liveUser)]: 'main',
}

/** Parses a checkbox or a JSON boolean. */
const flag = (fallback: boolean) =>
  z
    .union([z.boolean(), z.enum(['true', 'on', 'false', ''])])
    .optional()
    .transform((value) => (value === undefined ? fallback : value === true || value === 'true' || value === 'on'))
const count = (max: number) => z.coerce.number().int().min(1).max(max)
const txid = z.string().regex(/^[0-9a-f]{64}$/, 'a transaction id')
const output = z.object({ address: z.string().max(200), amount: z.string().max(20) })
const payBody = output.partial().extend({
  outputs: z.array(output).max(20).optional(),
  uri: z.string().max(1000).optional(),
  replaceable: flag(true),
  fee_rate: count(1000).default(5),
  from_unconfirmed: flag(false),
  mined: flag(false),
})
const mineBody = z
  .object({ blocks: count(200).default(1), empty: flag(false), address: z.string().max(200).optional() })
  .default({ blocks: 1, empty: false })
const replaceBody = z.object({ txid, how: z.enum(['keep', 'lower', 'drop']).default('drop'), mined: flag(false) })
const reorgBody = z.object({
  depth: count(150).default(1),
  blocks: count(200).optional(),
  how: z.enum(['same', 'wait', 'evict', 'double-spend']).default('same'),
})
const stateBody = z.object({
  chain: z.string().max(20).optional(),
  syncing: z.boolean().optional(),
  warming_up: z.boolean().optional(),
  estimate: z.int().positive().nullish(),
  lose_events: z.int().positive().max(1000).optional(),
})

/** Serves the node's JSON-RPC and the controls of payers and miners. */
export function addBitcoinRoutes(app: HttpServer, { node, gate }: BitcoinDeps, assets: Assets): void {
  app.post(
    '/sandbox/bitcoin/rpc',
    { config: { provider: 'bitcoin' }, schema: { hide: true } },
    async (request, reply) => {
      const login = request.headers.authorization ?? ''
      if (!Object.hasOwn(NETWORK_BY_LOGIN, login)) return reply.status(401).send()
      const network = NETWORK_BY_LOGIN[login]
      const body: unknown = request.body
      const answer = Array.isArray(body)
        ? await Promise.all(body.map((one) => node.answer(one, network)))
        : await node.answer(body, network)
      return reply.type('application/json').send(writeJson(answer))
    },
  )

  const querystring = z.object({ uri: z.string().max(1000).optional() })
  const page = { config: { page: true }, onRequest: gate, schema: { hide: true, querystring } }
  app.get('/sandbox/bitcoin', page, async (request, reply) =>
    reply.type('text/html; charset=utf-8').send(bitcoinPage(assets, await node.read(), request.query.uri)),
  )

  const control = <Schema extends z.ZodType>(
    name: string,
    body: Schema,
    act: (given: z.output<Schema>) => Promise<Done>,
  ): void => {
    const options = { config: { form: true }, onRequest: gate, schema: { hide: true } }
    app.post(`/sandbox/bitcoin/${name}`, options, async (request, reply) => {
      const given = readBody(body, request.body)
      const done = await act(given).catch((error: unknown) => {
        if (error instanceof RpcError)
          throw new AppError('sandbox.bitcoin-refused', 422, `The node refused the request: ${error.message}`)
        throw error
      })
      if (isForm(request)) return reply.redirect('/sandbox/bitcoin', 303)
      const { hash, height } = tipOf(await node.read())
      return reply.send({ txid: done.txid, height, best_block: hash })
    })
  }
  control('pay', payBody, (given) =>
    node.act((chain, time) => {
      const { replaceable, fee_rate: rate, from_unconfirmed: fromUnconfirmed, mined } = given
      return pay(chain, { outputs: toOutputs(given), replaceable, feeRate: BigInt(rate), fromUnconfirmed, mined }, time)
    }),
  )
  control('mine', mineBody, ({ blocks, empty, address }) =>
    node.act((chain, time) =>
      mine(chain, { blocks, empty, reward: address === undefined ? undefined : requireScript(address) }, time),
    ),
  )
  control('replace', replaceBody, (given) =>
    node.act((chain, time) => replace(chain, given.txid, given.how, given.mined, time)),
  )
  control('reorg', reorgBody, ({ depth, blocks = depth + 1, how }) =>
    node.act((chain, time) => reorg(chain, { depth, blocks, how }, time)),
  )
  control('evict', z.object({ txid }), (given) => node.act((chain) => evict(chain, given.txid)))
  control('resend', z.object({ txid }), (given) => node.act((chain) => resend(chain, given.txid)))

  app.post('/sandbox/bitcoin/node', { onRequest: gate, schema: { hide: true } }, async (request, reply) => {
    const { chain, syncing, warming_up: warmingUp, estimate, lose_events: lost = 0 } = readBody(stateBody, request.body)
    node.loseEvents(lost)
    const nodeState = {
      ...(chain === undefined ? {} : { chain }),
      ...(syncing === undefined ? {} : { syncing }),
      ...(warmingUp === undefined ? {} : { warmingUp }),
      ...(estimate === undefined ? {} : { estimate: estimate ?? undefined }),
    }
    return reply.send(await node.setState(nodeState))
  })
}

function readBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body ?? undefined)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const param = issue?.path.join('.')
  throw new AppError(
    'invalid-request',
    422,
    `${param || 'The body'}: ${issue?.message ?? 'is not valid'}`,
    param ? { param } : {},
  )
}

function toOutputs({ address, amount, outputs, uri }: z.output<typeof payBody>): Output[] {
  const [, fromUri, query = ''] = /^bitcoin:([a-z0-9]+)(?:\?(.*))?$/i.exec((uri ?? address ?? '').trim()) ?? []
  const single = {
    address: fromUri ?? address ?? '',
    amount: amount || (new URLSearchParams(query).get('amount') ?? ''),
  }
  return (outputs ?? [single]).map((one) => ({ sats: requireSats(one.amount), script: requireScript(one.address) }))
}

function requireSats(text: string): bigint {
  const parsed = parseAmount(text.trim(), 'BTC/8')
  if (!('problem' in parsed) && parsed.amount > 0n) return parsed.amount
  throw new AppError('sandbox.bad-amount', 422, 'Enter an amount in BTC, such as "0.0015".', { param: 'amount' })
}

function requireScript(address: string): string {
  try {
    return scriptOf(address.trim())
  } catch {
    throw new AppError('sandbox.bad-address', 422, 'Enter an address of the sandbox, such as bcrt1q….', {
      param: 'address',
    })
  }
}

const isForm = (request: Request): boolean =>
  request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
