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
import { checkoutDocument } from './checkout/document.ts'
import { brandRoutes, createPaperBrands } from './brand/brand.ts'
import { checkoutRoutes, type CheckoutDeps } from './amount/open-checkout.ts'
import { homeRoutes } from './home.ts'
import { linkPageRoutes, type LinkPageDeps } from './links/link.ts'
import { panel } from './checkout/panel.ts'
import { hasReceipt, receiptDocument, receiptPdf } from './receipts/receipt.ts'
import { dueOf } from '../strings/format.ts'
import { isSettled, livePage, type View } from './checkout/state.ts'
import { languageOf, speak, type Speech } from '../strings/strings.ts'
import { createConcurrencyLimit } from '../concurrency.ts'
import { sendEvents } from './checkout/stream.ts'
import { renderErrorPage } from './layout/error-page.ts'

export type PageDeps = CheckoutDeps & LinkPageDeps

/** Some hundred payers behind one mobile carrier's address whose pages ask, and no more than a part of what the server can do. */
const READS_PER_ADDRESS = { points: 3000, windowMs: 60_000 }
/** Ids cannot be guessed; who tries all the same is stopped. */
const UNKNOWN_PER_ADDRESS = { points: 100, windowMs: 900_000 }
/** Drawing a PDF takes some 20 ms of CPU, so one address gets fewer of them than of pages. */
const PDFS_PER_ADDRESS = { points: 120, windowMs: 60_000 }
/** Streams of one address at once: many payers share one behind a mobile carrier's NAT. Beyond it pages ask instead. */
const STREAMS_PER_ADDRESS = 200
/** A payer who comes back from a card page sees at once what became of it, but the provider is not asked more often than this. */
const PROVIDER_POLLS = { points: 1, windowMs: 3000 }
const POLL_DEADLINE_MS = 3000

/** A payer without script is sent on to the card page by the answer to a form, so forms may lead there. */
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
      const view = viewOf(deps, request, await refreshFromProvider(deps, intent), await shopOf(deps, intent))
      return sendPage(reply, checkoutDocument(view, { assets, practiceUrl: deps.practice?.url }))
    },
  })
  app.route({
    method: 'GET',
    url: '/pay/:id/panel',
    schema: { hide: true, params, querystring },
    handler: async (request, reply) => {
      const intent = await requireIntent(deps, request, request.params.id)
      return sendPage(reply, panel(viewOf(deps, request, intent, await shopOf(deps, intent))).text)
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
        // Nothing came yet: the page says how things stand.
        if (!hasReceipt(intent)) return reply.redirect(`/pay/${intent.id}?lang=${speech.language}`, 303)
        return send(reply, { intent, speech, brand: shop?.brand })
      },
    })
  }
  route('receipt', (reply, { intent, speech, brand }) =>
    sendPage(reply, receiptDocument(intent, speech, assets, brand)),
  )
  route('receipt.pdf', async (reply, { intent, speech, brand }) => {
    await deps.limits.require('receipt_pdf', toAddressKey(reply.request.ip), PDFS_PER_ADDRESS)
    const file = await receiptPdf(intent, speech, deps.clock.now(), await drawn(deps.db, brand))
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

/** The payment's shop as it is now. A payment outlives all else: without its shop it looks like ours. */
const shopOf = ({ identity, db }: PageDeps, { merchantId, terms }: Intent): Promise<Shop | undefined> =>
  identity.requireShop(db, merchantId, terms['store']).catch(() => undefined)

async function requireIntent({ db, payments, limits }: PageDeps, { ip }: Request, id: string): Promise<Intent> {
  await limits.require('checkout', toAddressKey(ip), READS_PER_ADDRESS)
  const intent = await payments.find(db, { id })
  if (intent?.owner === 'gateway') {
    await payments.learnPrices(intent.amount.asset)
    return intent
  }
  await limits.require('checkout_unknown', toAddressKey(ip), UNKNOWN_PER_ADDRESS)
  throw new AppError('payments.not-found', 404, 'There is no such payment.', { param: 'id' })
}

/** The intent as it is after the provider of an open card page was asked what became of it: its own news may be slower than the payer. */
async function refreshFromProvider({ db, payments, limits }: PageDeps, intent: Intent): Promise<Intent> {
  if (!livePage(intent) || !(await limits.take('checkout_look', intent.id, PROVIDER_POLLS)).ok) return intent
  const looked = payments.pollPages(intent.id).catch(() => undefined)
  await Promise.race([looked, waitMs(POLL_DEADLINE_MS)])
  return (await payments.find(db, { id: intent.id })) ?? intent
}

function viewOf(
  { payments, clock, practice }: PageDeps,
  request: Request,
  intent: Intent,
  shop: Shop | undefined,
): View {
  const offered = payments.methods(intent.amount.asset)
  // In the order that the payment names them: what was asked for first stands first.
  const methods = intent.methods.flatMap((name) =>
    offered.filter((method) => method.method === name && problemWith(method, dueOf(intent)) === undefined),
  )
  return {
    intent,
    methods,
    speech: speechOf(request, shop?.locale),
    now: clock.now(),
    brand: shop?.brand,
    byHand: intent.methods.includes('transfer') ? payments.transfers.mpesa(currencyOf(intent.amount.asset)) : undefined,
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
      // The page asks now and then instead.
      if (!release) throw new AppError('gateway.too-many-streams', 503, 'Too many pages are open at this address.')
      return sendEvents(reply, {
        follow: (signal) => deps.payments.follow(id, signal),
        render: (intent) => ({ id: intent.version, text: panel(viewOf(deps, request, intent, shop)).text }),
        isLast: isSettled,
        // The same payment looks different when its time is up, though nothing of it has changed.
        changesInMs: ({ expiresAt }) => expiresAt.getTime() - deps.clock.now().getTime(),
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

/** The payer says that a transfer by hand was sent. */
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

interface Answering {
  readonly request: Request
  readonly reply: Reply
  readonly id: string
}

/** What the payer just did, then the page as it is after it: a new panel for the script, else the page itself. */
async function answerForm(
  deps: PageDeps,
  assets: Assets,
  { request, reply, id }: Answering,
  act: (view: View) => Promise<Pick<View, 'problem' | 'redirect' | 'typedPhone'>>,
): Promise<Reply> {
  const asked = await requireIntent(deps, request, id)
  const shop = await shopOf(deps, asked)
  const before = viewOf(deps, request, asked, shop)
  const done = await act(before)
  const { problem, redirect } = done
  const isScript = request.headers['x-panel'] === '1'
  if (!problem && !isScript) return reply.redirect(redirect ?? `/pay/${id}?lang=${before.speech.language}`, 303)
  const view: View = { ...viewOf(deps, request, await requireIntent(deps, request, id), shop), ...done }
  if (problem) reply.code(problem.status)
  const page = isScript ? panel(view).text : checkoutDocument(view, { assets, practiceUrl: deps.practice?.url })
  return sendPage(reply, page)
}
