import { z } from 'zod'
import type { Tx } from '#platform/database/db'
import type { HttpServer, Reply } from '#platform/web/http'
import type { Assets } from '../page/assets.ts'
import type { SimulatorDeps } from '../simulator.ts'
import type { StoredOrder, Orders, Payment } from './orders.ts'
import { absentPage, CARDS, checkoutPage, donePage, WALLETS } from './page.ts'

const PATH = '/sandbox/crossmint/sdk/2024-03-05/hosted-checkout/:id'
const params = z.object({ id: z.string().max(80) })
const querystring = z.object({
  clientSecret: z.string().max(100).default(''),
  successCallbackURL: z.string().max(2000).optional(),
})
const form = z.object({ number: z.string().max(40).default(''), wallet: z.string().max(20).optional() })

/** Serves the hosted page where the payer of an order chooses a card or wallet. */
export function addCheckoutPages(app: HttpServer, deps: SimulatorDeps, orders: Orders, assets: Assets): void {
  const { db, gate, deliver } = deps
  type Asked = { params: { id: string }; query: z.output<typeof querystring>; url: string }
  const find = async (tx: Tx, { params: { id }, query }: Asked): Promise<StoredOrder | undefined> => {
    const order = await orders.find(tx, id)
    return order?.hidden.clientSecret === query.clientSecret ? order : undefined
  }
  const send = (reply: Reply, status: number, page: string): Reply =>
    reply.status(status).type('text/html; charset=utf-8').send(page)
  /** Allows only URLs of the Purser that owns the sandbox, because anyone can set the query parameter. */
  const allowedReturnUrl = ({ query: { successCallbackURL: url } }: Asked): string | undefined =>
    url !== undefined && deliver.accepts(url) ? url : undefined
  const show = (
    reply: Reply,
    request: Asked,
    order: StoredOrder | undefined,
    input: { problem?: string; typed?: string } = {},
  ): Reply => {
    const back = allowedReturnUrl(request)
    if (!order) return send(reply, 404, absentPage(assets))
    if (order.body.phase !== 'payment') return send(reply, 200, donePage(assets, back))
    const page = checkoutPage(assets, { order: order.body, action: request.url, back, ...input })
    return send(reply, input.problem === undefined ? 200 : 402, page)
  }

  const read = { config: { page: true }, onRequest: gate, schema: { hide: true, params, querystring } }
  app.get(PATH, read, async (request, reply) => show(reply, request, await db.transaction((tx) => find(tx, request))))

  const pay = { config: { page: true, form: true }, onRequest: gate, schema: { ...read.schema, body: form } }
  app.post(PATH, pay, async (request, reply) => {
    const { number, wallet } = request.body
    const payment = parsePayment(number, wallet)
    const order = await db.transaction(async (tx) => {
      const found = await find(tx, request)
      return found && payment ? orders.pay(tx, found, payment) : found
    })
    const problem = payment === undefined ? NOT_A_TEST_CARD : findProblem(payment)
    return show(reply, request, order, problem === undefined ? {} : { problem, typed: number })
  })
}

const NOT_A_TEST_CARD = 'This is not a test card. Use one from the list below, and never enter a real card here.'

function parsePayment(number: string, wallet: string | undefined): Payment | undefined {
  if (wallet !== undefined) return Object.hasOwn(WALLETS, wallet) ? WALLETS[wallet]?.payment : undefined
  return CARDS.find((card) => card.number === number.replaceAll(/\D/g, ''))?.payment
}

function findProblem(payment: Payment): string | undefined {
  if (payment === 'empty-wallet') return 'This wallet does not have enough USDC.'
  return typeof payment === 'object' ? payment.says : undefined
}
