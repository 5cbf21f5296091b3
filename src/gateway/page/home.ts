import { z } from 'zod'
import type { Merchant } from '#identity'
import { assetOf, money } from '#money'
import type { Payments } from '#payments'
import { addMs, type Clock } from '#platform/clock'
import type { Db } from '#platform/db'
import { html, type Html } from '#platform/html'
import type { HttpServer } from '#platform/http'
import { addressKey, type Limits } from '#platform/limits'
import type { Assets } from './assets.ts'
import { plainPage } from './document.ts'
import { speak } from './strings.ts'

export interface HomeDeps {
  readonly db: Db
  readonly payments: Payments
  readonly limits: Limits
  readonly clock: Clock
  /** Whose demo checkouts are, where no real money can move; undefined elsewhere. */
  readonly practice: { readonly url: string; readonly merchant: () => Promise<Merchant> } | undefined
}

const DEMO = { amount: 150_000n, lifetimeMs: 24 * 3_600_000 }
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
      await deps.limits.require('demo', addressKey(request.ip), PER_ADDRESS)
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
  html`<main class="home">
    <h1>Purser runs</h1>
    <p class="what">This is the sandbox: every provider is simulated and no real money moves.</p>
    <ol class="steps">
      <li>
        <a href="/demo" target="_blank">Open a demo checkout</a> and pay by M-Pesa (any Kenyan number) or by card.
      </li>
      <li>
        Approve or decline it on the <a href="${phoneUrl}" target="_blank">practice phone</a>. The checkout follows by
        itself.
      </li>
      <li>
        Create payments from your own code: the <a href="/docs">API reference</a> says how, and the terminal shows your
        test key with a <code>curl</code> to copy.
      </li>
    </ol>
    <p class="hint">
      More: <a href="/health/detailed">health</a> · <a href="/metrics">metrics</a> · <a href="/openapi.json">OpenAPI</a>
    </p>
  </main>`

const liveHome = (): Html =>
  html`<main class="home">
    <h1>Purser</h1>
    <p class="what">A payment desk. If a shop sent you here to pay, open the link that it gave you.</p>
    <p class="hint">For developers: <a href="/docs">API reference</a></p>
  </main>`
