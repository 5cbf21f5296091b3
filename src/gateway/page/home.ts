import { z } from 'zod'
import type { Merchant } from '#identity'
import { assetOf, money } from '#money'
import type { Payments } from '#payments'
import { addMs, type Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { html, type Html } from '#platform/base/html'
import type { HttpServer } from '#platform/web/http'
import { toAddressKey, type Limits } from '#platform/web/limits'
import type { Assets } from './assets/assets.ts'
import { plainPage } from './layout/document.ts'
import { speak } from '../strings/strings.ts'

export interface HomeDeps {
  readonly db: Db
  readonly payments: Payments
  readonly limits: Limits
  readonly clock: Clock
  /** Whose demo checkouts are, where no real money can move; undefined elsewhere. */
  readonly practice: { readonly url: string; readonly merchant: () => Promise<Merchant> } | undefined
}

const DEMO = { amount: 150_000n, lifetimeMs: 3_600_000 }
const PER_ADDRESS = { points: 30, windowMs: 60_000 }

/** The front page, and in practice a checkout to try. */
export function homeRoutes(app: HttpServer, deps: HomeDeps, assets: Assets): void {
  const { practice } = deps
  app.route({
    method: 'GET',
    url: '/',
    config: { page: true },
    schema: { hide: true },
    handler: (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .send(plainPage(speak('en'), 'Purser', assets, practice ? practiceHome(practice.url) : liveHome())),
  })
  if (!practice) return
  app.route({
    method: 'GET',
    url: '/demo',
    schema: { hide: true, querystring: z.object({ lang: z.string().max(10).optional() }) },
    handler: async (request, reply) => {
      await deps.limits.require('demo', toAddressKey(request.ip), PER_ADDRESS)
      const { lang } = request.query
      const id = await createDemo(deps, await practice.merchant())
      return reply.redirect(`/pay/${id}${lang === undefined ? '' : `?lang=${encodeURIComponent(lang)}`}`, 303)
    },
  })
}

async function createDemo({ db, payments, clock }: HomeDeps, merchant: Merchant): Promise<string> {
  const asset = assetOf('KES')
  const { intent } = await payments.create(db, {
    owner: 'gateway',
    merchantId: merchant.id,
    livemode: merchant.livemode,
    amount: money(asset, DEMO.amount),
    methods: payments
      .methods(asset)
      .filter(({ unavailable }) => unavailable === undefined)
      .map(({ method }) => method),
    description: 'A demo basket: two mugs and a bag of coffee',
    reference: 'demo',
    terms: { merchantName: merchant.name },
    expiresAt: addMs(clock.now(), DEMO.lifetimeMs),
  })
  return intent.id
}

const practiceHome = (phoneUrl: string): Html =>
  html`<aside class="practice">Sandbox: every provider is simulated and no real money moves.</aside>
    <main class="home">
      <h1>Purser runs</h1>
      <p class="lead">Pay once, end to end. It takes a minute.</p>
      <ol>
        <li>
          <h2>Pay at a checkout</h2>
          <p>
            By <span class="number">M-Pesa</span> with any Kenyan number, by card with
            <span class="number">4242 4242 4242 4242</span>, or with Bitcoin from a practice wallet.
          </p>
          <p><a class="button" href="/demo" target="_blank">Demo checkout</a></p>
        </li>
        <li>
          <h2>Answer on the phone</h2>
          <p>Approve or decline the prompt there. The checkout follows by itself.</p>
          <p><a class="button quiet" href="${phoneUrl}" target="_blank">Practice phone</a></p>
        </li>
        <li>
          <h2>Call it from your code</h2>
          <p>The terminal shows your test key, and a <code>curl</code> to copy.</p>
          <p><a class="button quiet" href="/docs">API reference</a></p>
        </li>
      </ol>
      <p class="small">
        For payers who say the amount: <a href="/checkout">checkout page</a>. For operators:
        <a href="/health/detailed">health</a>, <a href="/metrics">metrics</a>. For tools:
        <a href="/openapi.json">OpenAPI</a>.
      </p>
    </main>`

const liveHome = (): Html =>
  html`<main class="home">
    <h1>Purser</h1>
    <p class="lead">A payment desk. If a shop sent you here to pay, open the link that it gave you.</p>
    <p class="small">For developers: <a href="/docs">API reference</a>.</p>
  </main>`
