import { z } from 'zod'
import type { Brand, Locale, Shop } from '#identity'
import { currencyOf } from '#money'
import type { Intent } from '#payments'
import { waitMs } from '#platform/base/clock'
import { AppError } from '#platform/base/errors'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import { toAddressKey } from '#platform/web/limits'
import { problemWith } from '../intents/new-intent.ts'
import { assetRoutes, type Assets } from './assets/assets.ts'
import { attemptForm, sentForm, reportTransferSent, tryAttempt } from './checkout/attempts.ts'
import { claimRoutes } from './refunds/claim.ts'
import { renderCheckout } from './checkout/document.ts'
import { brandRoutes, createPaperBrands } from './brand/brand.ts'
import { checkoutRoutes, type CheckoutDeps } from './amount/open-checkout.ts'
import { homeRoutes } from './home.ts'
import { linkPageRoutes, type LinkPageDeps } from './links/link.ts'
import { renderPanel } from './checkout/panel.ts'
import { hasReceipt, renderReceipt, renderReceiptPdf } from './receipts/receipt.ts'
import { dueOf } from '../strings/format.ts'
import { isSettled, livePage, type View } from './checkout/state.ts'
import { languageOf, speak, type Speech } from '../strings/strings.ts'
import { createConcurrencyLimit } from '../concurrency.ts'
import { sendEvents } from './checkout/stream.ts'
import { renderErrorPage } from './layout/error-page.ts'

export type PageDeps = CheckoutDeps & LinkPageDeps

/** Maximum page reads of one address: enough for hundreds of polling payers behind one mobile carrier, and a fraction of the server's capacity. */
const READS_PER_ADDRESS = { points: 3000, windowMs: 60_000 }
/** Maximum reads of unknown ids from one address. Ids cannot be guessed; this stops attempts to do so. */
const UNKNOWN_PER_ADDRESS = { points: 100, windowMs: 900_000 }
/** Maximum PDFs for one address. Rendering one takes about 20 ms of CPU, so the limit is lower than for pages. */
const PDFS_PER_ADDRESS = { points: 120, windowMs: 60_000 }
/** Maximum concurrent streams of one address. Many payers share one behind a mobile carrier's NAT. Beyond it, pages poll instead. */
const STREAMS_PER_ADDRESS = 200
/** Maximum queries to the provider per payment. They show a payer who returns from a card page the result at once. */
const PROVIDER_POLLS = { points: 1, windowMs: 3000 }
const POLL_DEADLINE_MS = 3000

/** Without script, the response to a form redirects the payer to the card page, so the policy must allow forms to lead there. */
const PAGE = { 'form-action': ['https:'] }

interface PageConfig {
  readonly page: typeof PAGE
  readonly errorPage: (error: AppError, request: Request) => string
}

const params = z.object({ id: z.string().max(40) })
const querystring = z.object({ lang: z.string().max(10).optional() })

export function pageRoutes(app: HttpServer, deps: PageDeps): void {
  const assets = assetRoutes(app)
  brandRoutes(app, deps)
  homeRoutes(app, deps, assets)
  checkoutRoutes(app, deps, assets)
  const config: PageConfig = { page: PAGE, errorPage: (error, request) => renderErrorPage(error, request, assets) }
  claimRoutes(app, deps, assets)
  app.route({
    method: 'GET',
    url: '/pay/:id',
    config,
    schema: { hide: true, params, querystring },
    handler: async (request, reply) => {
      const intent = await requireIntent(deps, request, request.params.id)
      const view = createView(deps, request, await refreshFromProvider(deps, intent), await shopOf(deps, intent))
      return sendPage(reply, renderCheckout(view, { assets, practiceUrl: deps.practice?.url }))
    },
  })
  app.route({
    method: 'GET',
    url: '/pay/:id/panel',
    schema: { hide: true, params, querystring },
    handler: async (request, reply) => {
      const intent = await requireIntent(deps, request, request.params.id)
      return sendPage(reply, renderPanel(createView(deps, request, intent, await shopOf(deps, intent))).text)
    },
  })
  receiptRoutes(app, deps, { assets, config })
  linkPageRoutes(app, deps, assets)
  eventsRoute(app, deps)
  attemptsRoute(app, deps, assets, config)
  sentRoute(app, deps, assets, config)
}

function receiptRoutes(
  app: HttpServer,
  deps: PageDeps,
  { assets, config }: { assets: Assets; config: PageConfig },
): void {
  const drawn = createPaperBrands(deps.identity)
  type Send = (
    reply: Reply,
    paper: { intent: Intent; speech: Speech; brand: Brand | undefined },
  ) => Reply | Promise<Reply>
  const route = (name: string, send: Send): void => {
    app.route({
      method: 'GET',
      url: `/pay/:id/${name}`,
      config,
      schema: { hide: true, params, querystring },
      handler: async (request, reply) => {
        const intent = await requireIntent(deps, request, request.params.id)
        const shop = await shopOf(deps, intent)
        const speech = speechOf(request, shop?.locale)
        // No money arrived yet: the checkout page shows the status.
        if (!hasReceipt(intent)) return reply.redirect(`/pay/${intent.id}?lang=${speech.language}`, 303)
        return send(reply, { intent, speech, brand: shop?.brand })
      },
    })
  }
  route('receipt', (reply, { intent, speech, brand }) => sendPage(reply, renderReceipt(intent, speech, assets, brand)))
  route('receipt.pdf', async (reply, { intent, speech, brand }) => {
    await deps.limits.require('receipt_pdf', toAddressKey(reply.request.ip), PDFS_PER_ADDRESS)
    const file = await renderReceiptPdf(intent, speech, deps.clock.now(), await drawn(deps.db, brand))
    return reply
      .header('cache-control', 'no-store')
      .header('content-disposition', `inline; filename="${speech.say('receipt').toLowerCase()}-${intent.id}.pdf"`)
      .type('application/pdf')
      .send(file)
  })
}

function sendPage(reply: Reply, text: string): Reply {
  return reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(text)
}

const speechOf = (request: Request, locale?: Locale): Speech => {
  const { lang } = querystring.safeParse(request.query).data ?? {}
  return speak(languageOf(lang, request.headers['accept-language'], locale))
}

/** Returns the current profile of the payment's shop; undefined if it no longer exists. The page then has the default look. */
const shopOf = ({ identity, db }: PageDeps, { merchantId, terms }: Intent): Promise<Shop | undefined> =>
  identity.requireShop(db, merchantId, terms['store']).catch(() => undefined)

async function requireIntent({ db, payments, limits }: PageDeps, { ip }: Request, id: string): Promise<Intent> {
  await limits.require('checkout', toAddressKey(ip), READS_PER_ADDRESS)
  const intent = await payments.find(db, { id })
  if (intent?.owner === 'gateway') {
    await payments.loadPrices(intent.amount.asset)
    return intent
  }
  await limits.require('checkout_unknown', toAddressKey(ip), UNKNOWN_PER_ADDRESS)
  throw new AppError('payments.not-found', 404, 'There is no such payment. Check its id.', { param: 'id' })
}

/** Queries the provider of an open card page and returns the updated intent. The payer may return before the provider's callback arrives. */
async function refreshFromProvider({ db, payments, limits }: PageDeps, intent: Intent): Promise<Intent> {
  if (!livePage(intent) || !(await limits.take('checkout_look', intent.id, PROVIDER_POLLS)).ok) return intent
  const polled = payments.pollPages(intent.id).catch(() => undefined)
  await Promise.race([polled, waitMs(POLL_DEADLINE_MS)])
  return (await payments.find(db, { id: intent.id })) ?? intent
}

function createView(
  { payments, clock, practice }: PageDeps,
  request: Request,
  intent: Intent,
  shop: Shop | undefined,
): View {
  const now = clock.now()
  const onlyTransfer = intent.onlyTransferFrom !== undefined && now >= intent.onlyTransferFrom
  const offered = payments.methods(intent.amount.asset).filter(({ kind }) => !onlyTransfer || kind === 'transfer')
  // Keep the payment's own order of methods.
  const methods = intent.methods.flatMap((name) =>
    offered.filter((method) => method.method === name && problemWith(method, dueOf(intent)) === undefined),
  )
  return {
    intent,
    methods,
    speech: speechOf(request, shop?.locale),
    now,
    brand: shop?.brand,
    manualMpesa: intent.methods.includes('transfer')
      ? payments.transfers.mpesa(currencyOf(intent.amount.asset))
      : undefined,
    practiceUrl: practice?.url,
  }
}

function eventsRoute(app: HttpServer, deps: PageDeps): void {
  const streams = createConcurrencyLimit(STREAMS_PER_ADDRESS)
  app.route({
    method: 'GET',
    url: '/pay/:id/events',
    schema: { hide: true, params, querystring },
    handler: async (request, reply) => {
      const followed = await requireIntent(deps, request, request.params.id)
      const { id } = followed
      const shop = await shopOf(deps, followed)
      const release = streams.take(toAddressKey(request.ip))
      // On this error the page polls instead.
      if (!release)
        throw new AppError(
          'gateway.too-many-streams',
          503,
          'Too many pages are open from this IP address. Close some of them.',
        )
      return sendEvents(reply, {
        follow: (signal) => deps.payments.follow(id, signal),
        render: (intent) => ({ id: intent.version, text: renderPanel(createView(deps, request, intent, shop)).text }),
        isLast: isSettled,
        // At expiry the panel changes although the payment's version does not.
        // The panel asks for no money after the original end of a payment that a transfer extended.
        changesInMs: ({ expiresAt, onlyTransferFrom }) =>
          (onlyTransferFrom ?? expiresAt).getTime() - deps.clock.now().getTime(),
        closing: app.closing,
        onEnd: release,
      })
    },
  })
}

function attemptsRoute(app: HttpServer, deps: PageDeps, assets: Assets, config: PageConfig): void {
  app.route({
    method: 'POST',
    url: '/pay/:id/attempts',
    config: { ...config, form: true },
    schema: { hide: true, params, querystring, body: attemptForm },
    handler: (request, reply) =>
      answerForm(deps, assets, { request, reply, id: request.params.id }, async (view) => {
        const { problem, attempt } = await tryAttempt(deps, request, request.body, view)
        return { problem, redirect: attempt?.redirectUrl, typedPhone: request.body.phone }
      }),
  })
}

/** Registers the form on which the payer reports a manual transfer as sent. */
function sentRoute(app: HttpServer, deps: PageDeps, assets: Assets, config: PageConfig): void {
  app.route({
    method: 'POST',
    url: '/pay/:id/sent',
    config: { ...config, form: true },
    schema: { hide: true, params, querystring, body: sentForm },
    handler: (request, reply) =>
      answerForm(deps, assets, { request, reply, id: request.params.id }, async (view) => ({
        problem: await reportTransferSent(deps, request, request.body, view),
      })),
  })
}

interface FormRequest {
  readonly request: Request
  readonly reply: Reply
  readonly id: string
}

/** Runs the payer's action and responds with the updated page: a new panel for the script, else a redirect or the whole page. */
async function answerForm(
  deps: PageDeps,
  assets: Assets,
  { request, reply, id }: FormRequest,
  act: (view: View) => Promise<Pick<View, 'problem' | 'redirect' | 'typedPhone'>>,
): Promise<Reply> {
  const asked = await requireIntent(deps, request, id)
  const shop = await shopOf(deps, asked)
  const before = createView(deps, request, asked, shop)
  const done = await act(before)
  const { problem, redirect } = done
  const isScript = request.headers['x-panel'] === '1'
  if (!problem && !isScript) return reply.redirect(redirect ?? `/pay/${id}?lang=${before.speech.language}`, 303)
  const view: View = { ...createView(deps, request, await requireIntent(deps, request, id), shop), ...done }
  if (problem) reply.code(problem.status)
  const page = isScript ? renderPanel(view).text : renderCheckout(view, { assets, practiceUrl: deps.practice?.url })
  return sendPage(reply, page)
}
