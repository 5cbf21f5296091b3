import { z } from 'zod'
import type { Identity, Shop } from '#identity'
import type { Claim, ClaimPlace, Payments } from '#payments'
import type { Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import { html, type Html } from '#platform/base/html'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import { toAddressKey, type Limits } from '#platform/web/limits'
import type { Assets } from '../assets/assets.ts'
import { isSameOrigin } from '../forms/same-origin.ts'
import { renderClaimPanel, renderClaimPreview, type ClaimInput } from './claim-form.ts'
import { renderFormPage, renderReload, secondsUntil } from '../layout/document.ts'
import { showMoney } from '../../strings/format.ts'
import { languageOf, speak, type Speech } from '../../strings/strings.ts'
import { renderErrorPage } from '../layout/error-page.ts'
import { parseMobile } from '#platform/base/phone'

/** Page of a refund link: the payer enters a destination, confirms it and sees the status. It needs no script. */

export interface ClaimDeps {
  readonly db: Db
  readonly identity: Identity
  readonly payments: Payments
  readonly limits: Limits
  readonly clock: Clock
  readonly publicUrl: () => string
  readonly practice: { readonly url: string } | undefined
}

/** Maximum reads of refund links, valid or not, from one address per minute. Secrets have 160 bits, so the limit only protects the database. */
const PER_ADDRESS = { points: 300, windowMs: 60_000 }
const SENDS_PER_ADDRESS = { points: 60, windowMs: 600_000 }
const RELOAD_SECONDS = 5
const NO_BRAND = { colour: null, logo: null }

const params = z.object({ id: z.string().max(40) })
const querystring = z.object({ c: z.string().max(100).default(''), lang: z.string().max(10).optional() })
const form = z.object({
  c: z.string().max(100),
  place: z.string().max(40),
  to: z.string().max(400).default(''),
  step: z.enum(['change', 'preview', 'confirm']),
})
type Form = z.output<typeof form>

interface Page {
  readonly claim: Claim
  readonly secret: string
  readonly shop: Shop | undefined
  readonly speech: Speech
  readonly said?: ClaimInput | undefined
}

export function claimRoutes(app: HttpServer, deps: ClaimDeps, assets: Assets): void {
  const errorPage = (error: AppError, request: Request): string =>
    renderErrorPage(error, request, assets, ['refundNone', 'notFoundText'])
  const config = { page: true as const, errorPage }
  app.route({
    method: 'GET',
    url: '/refund/:id',
    config,
    schema: { hide: true, params, querystring },
    handler: async (request, reply) => {
      const secret = request.query.c
      const claim = await requireClaim(deps, request, secret)
      return send(reply, deps, assets, await pageOf(deps, request, claim, secret))
    },
  })
  app.route({
    method: 'POST',
    url: '/refund/:id',
    config: { ...config, form: true },
    schema: { hide: true, params, querystring: querystring.pick({ lang: true }), body: form },
    handler: async (request, reply) => {
      const { c: secret } = request.body
      const claim = await requireClaim(deps, request, secret)
      const page = await pageOf(deps, request, claim, secret)
      const { said, done } = await handleForm(deps, request, page, request.body)
      if (done) return reply.redirect(pathOf(page), 303)
      if (said.problem) reply.code(said.problem.status)
      return send(reply, deps, assets, { ...page, said })
    },
  })
}

/** Handles the payer's input: shows it again with an error, asks for confirmation, or sends the money. */
async function handleForm(
  deps: ClaimDeps,
  request: Request,
  { claim, secret, speech }: Page,
  { place: name, to, step }: Form,
): Promise<{ said: ClaimInput; done?: true }> {
  const place = claim.places.find((each) => each.place === name)
  const said: ClaimInput = { place: name, typed: to }
  if (!isSameOrigin(request, deps.publicUrl()))
    return { said: { ...said, problem: { status: 403, text: speech.say('crossSite') } } }
  // The link was used meanwhile: the page shows the status.
  if (claim.refund.status !== 'claimable' || !place) return { said, done: true }
  if (step === 'change') return { said }
  const where = readPlace(place, to)
  if (where === undefined) {
    const text = speech.say(place.kind === 'phone' ? 'phoneInvalid' : 'refundWordsInvalid')
    return { said: { ...said, problem: { status: 422, field: name, text } } }
  }
  if (step === 'preview') return { said: { ...said, confirm: where } }
  await deps.limits.require('refund_claim', toAddressKey(request.ip), SENDS_PER_ADDRESS)
  await deps.payments.refunds.claim({ id: claim.refund.id, secret, place: name, to: where })
  return { said, done: true }
}

const MOST_WORDS = 300

function readPlace({ kind, phoneCountry }: ClaimPlace, to: string): string | undefined {
  if (kind === 'phone') return parseMobile(to, phoneCountry)
  const words = to.trim()
  return words === '' || words.length > MOST_WORDS || words.includes('\0') ? undefined : words
}

async function requireClaim({ db, payments, limits }: ClaimDeps, request: Request, secret: string): Promise<Claim> {
  await limits.require('refund_page', toAddressKey(request.ip), PER_ADDRESS)
  const { id } = params.parse(request.params)
  const claim = await payments.refunds.findClaim(db, { id, secret })
  if (!claim) throw new AppError('payments.no-such-refund', 404, 'There is no such refund. Check its id.')
  return claim
}

/** Loads the current brand of the shop; without it the page has the default look. */
async function pageOf({ db, identity }: ClaimDeps, request: Request, claim: Claim, secret: string): Promise<Page> {
  const shop = await identity.requireShop(db, claim.refund.merchantId, claim.terms['store']).catch(() => undefined)
  return { claim, secret, shop, speech: speechOf(request, shop?.locale) }
}

const speechOf = (request: Request, locale?: Shop['locale']): Speech => {
  const { lang } = querystring.safeParse(request.query).data ?? {}
  return speak(languageOf(lang, request.headers['accept-language'], locale))
}

const pathOf = ({ claim, secret, speech }: Page): string =>
  `/refund/${claim.refund.id}?c=${encodeURIComponent(secret)}&lang=${speech.language}`

/** Reloads the page while the money is being sent, and when the link expires, because the form must not stay open after that. */
function headOf(page: Page, now: Date): Html | undefined {
  const { claim } = page
  if (claim.refund.status === 'pending' && !claim.isManual)
    return html`<noscript>${renderReload(RELOAD_SECONDS, pathOf(page))}</noscript>`
  return claim.refund.status === 'claimable'
    ? renderReload(secondsUntil(claim.expiresAt, now), pathOf(page))
    : undefined
}

function send(reply: Reply, deps: ClaimDeps, assets: Assets, page: Page): Reply {
  const { claim, secret, speech, said } = page
  const { refund, terms, livemode } = claim
  const amount = showMoney(refund.amount)
  const text = renderFormPage(speech, {
    assets,
    title: speech.say('refundTitle', { merchant: terms.merchantName, amount }),
    merchant: { name: terms.merchantName, livemode, brand: page.shop?.brand ?? NO_BRAND },
    practiceUrl: deps.practice?.url,
    path: `/refund/${refund.id}?c=${encodeURIComponent(secret)}`,
    about: refund.note || undefined,
    head: headOf(page, deps.clock.now()),
    body:
      said?.confirm === undefined
        ? renderClaimPanel({ ...page, said })
        : renderClaimPreview({ ...page, said }, said.confirm),
  })
  // The URL contains the secret, so no cache may store it. The referrer policy of all pages hides it from other sites. A stricter policy
  // would remove the Origin of the form, by which older browsers, and all browsers on plain http, prove that the form is same-origin.
  return reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(text)
}
