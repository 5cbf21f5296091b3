import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Intent } from '#payments'
import { AppError } from '#platform/errors'
import type { HttpServer, Reply, Request } from '#platform/http'
import { addressKey } from '#platform/limits'
import { problemWith } from '../payments.ts'
import { checkoutUrl } from '../api/render.ts'
import { assetRoutes, type Assets } from './assets.ts'
import { checkoutDocument, messageDocument } from './document.ts'
import { homeRoutes, type HomeDeps } from './home.ts'
import { parseKenyanPhone } from './phone.ts'
import { languageOf, speak, type Speech } from './strings.ts'
import { dueOf, panel, type View } from './view.ts'

export interface PageDeps extends HomeDeps {
  readonly publicUrl: () => string
}

/** Attempts from one address in ten minutes. Many payers share an address behind a mobile carrier's NAT, so it is generous. */
const PER_ADDRESS = { points: 60, windowMs: 600_000 }

/** A payer without script is sent on to the card page by the answer to a form, so forms may lead there. */
const PAGE = { 'form-action': ['https:'] }

interface PageConfig {
  readonly page: typeof PAGE
  readonly errorPage: (error: AppError, request: Request) => string
}

const params = z.object({ id: z.string().max(40) })
const querystring = z.object({ lang: z.string().max(10).optional() })
const form = z.object({ method: z.string().max(20), phone: z.string().max(40).optional() })

export function pageRoutes(app: HttpServer, deps: PageDeps): void {
  const assets = assetRoutes(app)
  homeRoutes(app, deps, assets)
  const config: PageConfig = {
    page: PAGE,
    errorPage: (error: AppError, request: Request) => {
      const speech = speechOf(request)
      return error.status === 404
        ? messageDocument(speech, speech.say('notFoundTitle'), speech.say('notFoundText'), assets)
        : messageDocument(speech, speech.say('broken'), error.message, assets)
    },
  }
  app.route({
    method: 'GET',
    url: '/pay/:id',
    config,
    schema: { hide: true, params, querystring },
    handler: async (request, reply) => {
      const view = await viewOf(deps, request, await requireIntent(deps, request.params.id))
      return sendPage(reply, checkoutDocument(view, { assets, practiceUrl: deps.practice?.url }))
    },
  })
  app.route({
    method: 'GET',
    url: '/pay/:id/panel',
    schema: { hide: true, params, querystring },
    handler: async (request, reply) => {
      const view = await viewOf(deps, request, await requireIntent(deps, request.params.id))
      return sendPage(reply, panel(view).text)
    },
  })
  eventsRoute(app, deps)
  attemptsRoute(app, deps, assets, config)
}

function sendPage(reply: Reply, text: string): Reply {
  return reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(text)
}

const speechOf = (request: Request): Speech => {
  const { lang } = querystring.safeParse(request.query).data ?? {}
  return speak(languageOf(lang, request.headers['accept-language']))
}

async function requireIntent({ db, payments }: PageDeps, id: string): Promise<Intent> {
  const intent = await payments.find(db, { id })
  if (intent?.owner !== 'gateway')
    throw new AppError('payments.not-found', 404, 'There is no such payment.', { param: 'id' })
  return intent
}

async function viewOf({ payments }: PageDeps, request: Request, intent: Intent): Promise<View> {
  const offered = payments.methods(intent.amount.asset)
  const methods = offered.filter(
    (method) => intent.methods.includes(method.method) && problemWith(method, dueOf(intent)) === undefined,
  )
  return { intent, methods, speech: speechOf(request) }
}

const HEARTBEAT = ': still here\n\n'

function eventsRoute(app: HttpServer, deps: PageDeps): void {
  app.route({
    method: 'GET',
    url: '/pay/:id/events',
    schema: { hide: true, params, querystring },
    handler: async (request, reply) => {
      const { id } = await requireIntent(deps, request.params.id)
      const stop = AbortSignal.any([request.signal, app.closing])
      const events = async function* (): AsyncGenerator<string> {
        yield HEARTBEAT
        for await (const intent of deps.payments.follow(id, stop)) {
          const text = panel(await viewOf(deps, request, intent)).text
          yield `id: ${intent.version}\ndata: ${text.replaceAll('\n', '\ndata: ')}\n\n`
        }
      }
      return reply
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .type('text/event-stream')
        .send(Readable.from(events()))
    },
  })
}

function attemptsRoute(app: HttpServer, deps: PageDeps, assets: Assets, config: PageConfig): void {
  app.route({
    method: 'POST',
    url: '/pay/:id/attempts',
    config: { ...config, form: true },
    schema: { hide: true, params, querystring, body: form },
    handler: async (request, reply) => {
      const { id } = request.params
      const view = await viewOf(deps, request, await requireIntent(deps, id))
      const wantsPanel = request.headers['x-panel'] === '1'
      const problem = await tryAttempt(deps, request, request.body, view)
      if (problem) {
        const shown: View = {
          ...view,
          problem,
          ...(request.body.phone !== undefined && { typedPhone: request.body.phone }),
        }
        reply.code(problem.status)
        return sendPage(
          reply,
          wantsPanel ? panel(shown).text : checkoutDocument(shown, { assets, practiceUrl: deps.practice?.url }),
        )
      }
      const intent = await requireIntent(deps, id)
      if (wantsPanel) return sendPage(reply, panel({ ...view, intent }).text)
      const started = intent.attempts.find(({ method, redirectUrl }) => method === request.body.method && redirectUrl)
      return reply.redirect(started?.redirectUrl ?? `/pay/${id}?lang=${view.speech.language}`, 303)
    },
  })
}

interface Problem {
  readonly status: number
  readonly text: string
  readonly field?: 'phone'
}

/** Starts the attempt; what the payer can mend comes back in their words. */
async function tryAttempt(
  deps: PageDeps,
  request: Request,
  { method: name, phone: typed }: z.output<typeof form>,
  { intent, speech, methods }: View,
): Promise<Problem | undefined> {
  if (!isOwnPage(request)) return { status: 403, text: speech.say('crossSite') }
  const method = methods.find((each) => each.method === name)
  if (!method) return { status: 409, text: speech.say('unavailable') }
  const phone = method.needs.includes('phone') ? parseKenyanPhone(typed ?? '') : undefined
  if (method.needs.includes('phone') && phone === undefined)
    return { status: 422, field: 'phone', text: speech.say('phoneInvalid') }
  const taken = await deps.limits.take('checkout_attempt', addressKey(request.ip), PER_ADDRESS)
  if (!taken.ok) return { status: 429, text: tooMany(speech, taken.retryAfterSeconds) }
  try {
    await deps.payments.startAttempt({
      intentId: intent.id,
      method: name,
      payer: { ...intent.customer, ...(phone !== undefined && { phone }) },
      returnUrl: checkoutUrl(deps.publicUrl(), intent.id),
    })
    return undefined
  } catch (error) {
    return problemOf(error, speech)
  }
}

const tooMany = (speech: Speech, seconds: number): string =>
  speech.say('tooMany', { minutes: speech.say('minute', { n: String(Math.max(1, Math.ceil(seconds / 60))) }) })

function problemOf(error: unknown, speech: Speech): Problem | undefined {
  if (!(error instanceof AppError)) throw error
  if (error.status === 429) return { status: 429, text: tooMany(speech, error.retryAfterSeconds ?? 60) }
  if (error.code === 'payments.attempt-in-flight') return { status: 409, text: speech.say('inFlight') }
  // The payment was paid, canceled or expired in between: the panel says so by itself.
  if (error.status === 409) return undefined
  if (error.param === 'phone') return { status: 422, field: 'phone', text: speech.say('phoneInvalid') }
  if (error.status === 422) return { status: 422, text: speech.say('unavailable') }
  throw error
}

/** Another site must not make a visitor's browser prompt phones. Browsers say where a form comes from; others are limited by address. */
function isOwnPage({ headers }: Request): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin } = headers
  return origin === undefined || origin === 'null' || URL.parse(origin)?.host === headers.host
}
