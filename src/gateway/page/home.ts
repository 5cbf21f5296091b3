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
import { renderPlainPage } from './layout/document.ts'
import { speak } from '../strings/strings.ts'

export interface HomeDeps {
  readonly db: Db
  readonly payments: Payments
  readonly limits: Limits
  readonly clock: Clock
  /** Merchant of the demo checkouts in sandbox mode, and URL of the practice phone; undefined in other modes. */
  readonly practice: { readonly url: string; readonly merchant: () => Promise<Merchant> } | undefined
}

const DEMO = { amount: 150_000n, lifetimeMs: 3_600_000 }
const PER_ADDRESS = { points: 30, windowMs: 60_000 }

/** Registers the front page and, in sandbox mode, a demo checkout. */
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
        .send(
          renderPlainPage(
            speak('en'),
            'Purser',
            assets,
            practice ? renderPracticeHome(practice.url) : renderLiveHome(),
          ),
        ),
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

const renderPracticeHome = (phoneUrl: string): Html =>
  html`<aside class="practice">Sandbox: every provider is simulated and no real money moves.</aside>
    <main class="home">
      <h1>Purser runs</h1>
      <p class="lead">Try one payment, end to end. It takes a minute.</p>
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
          <p>The terminal shows your test key, and a <code>curl</code> command to copy.</p>
          <p><a class="button quiet" href="/docs">API reference</a></p>
        </li>
      </ol>
      <p class="small">
        For payers who enter the amount: <a href="/checkout">checkout page</a>. For operators:
        <a href="/health/detailed">health</a>, <a href="/metrics">metrics</a>. For tools:
        <a href="/openapi.json">OpenAPI</a>.
      </p>
    </main>`

const renderLiveHome = (): Html =>
  html`<main class="home">
    <h1>Purser</h1>
    <p class="lead">A payment server. If a shop sent you here to pay, open the link it gave you.</p>
    <p class="small">For developers: <a href="/docs">API reference</a>.</p>
  </main>`
