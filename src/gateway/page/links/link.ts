import { z } from 'zod'
import type { Shop } from '#identity'
import { currencyOf, formatAmount, money, type Money } from '#money'
import { AppError } from '#platform/base/errors'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import { html, type Html } from '#platform/base/html'
import { toAddressKey } from '#platform/web/limits'
import { findLink, type LinkRow } from '../../links/store.ts'
import { noSuchLink, payByLink, type LinkChoice, findLinkState, type LinkDeps } from '../../links/links.ts'
import { isId } from '#platform/base/ids'
import { selectMethods } from '../../intents/new-intent.ts'
import { renderAmountForm } from '../amount/amount-form.ts'
import type { Assets } from '../assets/assets.ts'
import { isSameOrigin } from '../forms/same-origin.ts'
import { renderButtonStyle, describeBounds } from '../../links/button.ts'
import { FORM_PER_ADDRESS, limitCreations, type CheckoutDeps } from '../amount/open-checkout.ts'
import { renderFormPage, renderMessagePage, renderReload, secondsUntil } from '../layout/document.ts'
import { methodName, showMoney } from '../../strings/format.ts'
import { languageOf, speak, type Speech } from '../../strings/strings.ts'
import { renderErrorPage } from '../layout/error-page.ts'
import { listOffers, parseTypedAmount, type Offer } from '../amount/amount.ts'

const UNKNOWN_PER_ADDRESS = { points: 100, windowMs: 900_000 }

const params = z.object({ id: z.string().max(40) })
const querystring = z.object({ lang: z.string().max(10).optional() })
const field = (most: number) => z.string().max(most).optional()
/** A form on the merchant's own page can pass the amount. */
const opened = querystring.extend({ amount: field(30) })
const form = z.object({ amount: field(30), currency: field(5), method: field(20) })

export type LinkPageDeps = CheckoutDeps & LinkDeps

interface Found {
  readonly link: LinkRow
  readonly shop: Shop
  readonly speech: Speech
}

/**
 * Registers `/l/<id>`, the page of a payment link. A GET creates nothing, because mail programs and messengers fetch links too. The payer's
 * click creates the payment.
 */
export function linkPageRoutes(app: HttpServer, deps: LinkPageDeps, assets: Assets): void {
  const config = {
    page: true,
    errorPage: (error: AppError, request: Request) => renderErrorPage(error, request, assets),
  }
  app.route({
    method: 'GET',
    url: '/l/:id',
    config,
    schema: { hide: true, params, querystring: opened },
    handler: async (request, reply) => {
      await deps.limits.require('checkout_form', toAddressKey(request.ip), FORM_PER_ADDRESS)
      const found = await requireLinkPage(deps, request, request.params.id)
      const { amount } = request.query
      const chosen = amount === undefined ? undefined : chosenOf(deps, found, { amount })
      const problem = chosen && 'problem' in chosen ? chosen.problem : undefined
      return send(reply, await renderLinkPage(deps, assets, found, { amount }, problem))
    },
  })
  styleRoute(app, deps)
  app.route({
    method: 'POST',
    url: '/l/:id',
    config: { ...config, form: true },
    schema: { hide: true, params, querystring, body: form },
    handler: async (request, reply) => {
      const found = await requireLinkPage(deps, request, request.params.id)
      const { link, shop, speech } = found
      if (!isSameOrigin(request, deps.publicUrl())) throw new AppError('forbidden', 403, speech.say('crossSite'))
      const state = await findLinkState(deps, deps.db, link, shop)
      const chosen =
        state.is === 'started' || state.is === 'used' ? { id: state.paymentId } : chosenOf(deps, found, request.body)
      if ('problem' in chosen) {
        void reply.code(422)
        return send(reply, await renderLinkPage(deps, assets, found, request.body, chosen.problem))
      }
      const payment = 'id' in chosen ? chosen : await startPayment(deps, request, found, chosen)
      if (!payment) return send(reply, await renderLinkPage(deps, assets, found))
      return reply.redirect(`/pay/${payment.id}?lang=${speech.language}`, 303)
    },
  })
}

const STYLE_SECONDS = 3600

/** Registers the style sheet of pay buttons on the merchant's own page. */
function styleRoute(app: HttpServer, deps: LinkPageDeps): void {
  app.route({
    method: 'GET',
    url: '/l/:id/button.css',
    schema: { hide: true, params },
    handler: async (request, reply) => {
      await deps.limits.require('checkout_form', toAddressKey(request.ip), FORM_PER_ADDRESS)
      const { shop } = await requireLinkPage(deps, request, request.params.id)
      return reply
        .header('cache-control', `public, max-age=${STYLE_SECONDS}`)
        .type('text/css; charset=utf-8')
        .send(renderButtonStyle(shop.brand.colour))
    },
  })
}

async function requireLinkPage(deps: LinkPageDeps, request: Request, id: string): Promise<Found> {
  const link = isId('lnk', id) ? await findLink(deps.db, id) : undefined
  if (!link) {
    await deps.limits.require('checkout_unknown', toAddressKey(request.ip), UNKNOWN_PER_ADDRESS)
    throw noSuchLink(id)
  }
  const shop = await deps.identity.requireShop(deps.db, link.merchantId, link.storeId ?? undefined)
  const { lang } = querystring.safeParse(request.query).data ?? {}
  return { link, shop, speech: speak(languageOf(lang, request.headers['accept-language'], shop.locale)) }
}

async function startPayment(deps: LinkPageDeps, request: Request, { link, shop }: Found, chosen: LinkChoice) {
  await limitCreations(deps, request, shop)
  return payByLink(deps, link.id, shop, chosen)
}

const fixedOf = ({ asset, amount }: LinkRow): Money | undefined => (amount === null ? undefined : money(asset, amount))

/** Returns the link's currency with the methods that both link and store accept; undefined without any. */
function offerOf({ payments }: LinkPageDeps, { link, shop }: Found): Offer | undefined {
  const offer = listOffers(payments).find(({ currency }) => currency === currencyOf(link.asset))
  const methods = offer && selectMethods(link.methods ?? [], selectMethods(shop.methods, offer.methods))
  return methods && methods.length > 0 ? { ...offer, methods } : undefined
}

function chosenOf(
  deps: LinkPageDeps,
  found: Found,
  typed: z.output<typeof form>,
): { amount: Money; methods: readonly string[] } | { problem: string } {
  const { link, speech } = found
  const offer = offerOf(deps, found)
  if (!offer) return { problem: speech.say('none') }
  const fixed = fixedOf(link)
  const text = fixed ? formatAmount(fixed) : (typed.amount ?? '')
  const bounds = { min: link.least ?? undefined, max: link.most ?? undefined }
  const read = parseTypedAmount(text, offer, fixed ? {} : bounds, speech)
  if ('problem' in read) return read
  const methods = read.methods.toSorted((a, b) => Number(b === typed.method) - Number(a === typed.method))
  return { amount: read.amount, methods }
}

async function renderLinkPage(
  deps: LinkPageDeps,
  assets: Assets,
  found: Found,
  typed: z.output<typeof form> = {},
  problem?: string,
): Promise<string> {
  const { link, shop, speech } = found
  const state = await findLinkState(deps, deps.db, link, shop)
  const offer = offerOf(deps, found)
  const merchant = shop.name
  if (state.is === 'closed') {
    const words = { title: speech.say('linkClosed'), text: speech.say('linkClosedText', { merchant }) }
    return renderMessagePage(speech, { icon: 'clock', ...words }, assets)
  }
  if (state.is === 'used') {
    const text = html`${speech.say('linkUsedText')} <a href="/pay/${state.paymentId}">${speech.say('linkShow')}</a>`
    return renderMessagePage(speech, { icon: 'tick', title: speech.say('linkUsed'), text }, assets)
  }
  if (!offer) {
    const words = { title: speech.say('none'), text: speech.say('noneText', { merchant }) }
    return renderMessagePage(speech, { icon: 'alert', ...words }, assets)
  }
  const fixed = fixedOf(link)
  const title = fixed ? showMoney(fixed) : speech.say('payTo', { merchant })
  const path = `/l/${link.id}`
  const action = `${path}?lang=${speech.language}`
  // A payment that was started continues with its own amount, whatever amount was entered now.
  const isAmountKnown = fixed !== undefined || state.is === 'started'
  const body = isAmountKnown
    ? renderContinueForm(action, offer, speech, problem)
    : renderAmountForm({
        action,
        speech,
        offers: [offer],
        typed,
        problem,
        hint: describeBounds(link, speech),
        withNote: false,
      })
  const about = link.description || undefined
  const head = link.expiresAt ? renderReload(secondsUntil(link.expiresAt, deps.clock.now()), action) : undefined
  const ask = { assets, title, merchant: shop, practiceUrl: deps.practice?.url, path, about, head, body }
  return renderFormPage(speech, ask)
}

const renderContinueForm = (action: string, { methods }: Offer, speech: Speech, problem: string | undefined): Html =>
  html`${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
    <h2 class="ask">${speech.say('methodsHere')}</h2>
    <ul class="ways">
      ${methods.map(({ method }) => html`<li>${methodName(method, speech, 'label')}</li>`)}
    </ul>
    <form method="post" action="${action}"><button class="button">${speech.say('continueLabel')}</button></form>`

const send = (reply: Reply, page: string): Reply => reply.type('text/html; charset=utf-8').send(page)
