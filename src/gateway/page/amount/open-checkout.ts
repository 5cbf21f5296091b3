import { z } from 'zod'
import { assetOf, formatAmount, isCurrency } from '#money'
import type { Identity, Merchant, Shop } from '#identity'
import type { Payments } from '#payments'
import type { Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import { toAddressKey, type Limits } from '#platform/web/limits'
import type { Webhooks } from '#webhooks'
import type { GatewayConfig } from '../../config.ts'
import { parseNewIntent } from '../../intents/new-intent.ts'
import { text } from '../../resources/text.ts'
import { renderAmountForm } from './amount-form.ts'
import type { Assets } from '../assets/assets.ts'
import { isSameOrigin } from '../forms/same-origin.ts'
import { renderFormPage, renderMessagePage } from '../layout/document.ts'
import { languageOf, speak, type Speech } from '../../strings/strings.ts'
import { renderErrorPage } from '../layout/error-page.ts'
import { listOffers, parseTypedAmount, type Offer } from './amount.ts'

export interface CheckoutDeps {
  readonly db: Db
  readonly payments: Payments
  readonly limits: Limits
  readonly clock: Clock
  readonly identity: Identity
  readonly webhooks: Webhooks
  readonly config: () => GatewayConfig
  readonly publicUrl: () => string
  /** Merchant of sandbox payments, and URL of the practice phone; undefined in other modes. */
  readonly practice: { readonly url: string; readonly merchant: () => Promise<Merchant> } | undefined
}

const PATH = '/checkout'
export const FORM_PER_ADDRESS = { points: 600, windowMs: 60_000 }
/** Maximum payments created for one merchant from one address in ten minutes. Thousands of payers share one behind a mobile carrier's NAT. */
const CREATE_PER_ADDRESS = { points: 300, windowMs: 600_000 }

const querystring = z.object({
  lang: text(10).optional(),
  amount: text(30).optional(),
  currency: text(5).optional(),
  method: text(20).optional(),
  note: text(200).optional(),
})
const form = querystring.omit({ lang: true })
type Typed = z.output<typeof form>

/** Registers `/checkout`: the payer enters an amount for the desk's merchant and continues to the page of the new payment. */
export function checkoutRoutes(app: HttpServer, deps: CheckoutDeps, assets: Assets): void {
  const config = {
    page: true,
    errorPage: (error: AppError, request: Request) =>
      renderErrorPage(error, request, assets, ['noCheckout', 'noCheckoutText']),
  }
  app.route({
    method: 'GET',
    url: PATH,
    config,
    schema: { hide: true, querystring },
    handler: async (request, reply) => {
      await deps.limits.require('checkout_form', toAddressKey(request.ip), FORM_PER_ADDRESS)
      const merchant = await requireDesk(deps)
      return send(
        reply,
        renderCheckoutForm(deps, assets, { merchant, speech: speechOf(request, merchant), typed: request.query }),
      )
    },
  })
  app.route({
    method: 'POST',
    url: PATH,
    config: { ...config, form: true },
    schema: { hide: true, querystring: z.object({ lang: text(10).optional() }), body: form },
    handler: async (request, reply) => {
      const merchant = await requireDesk(deps)
      const speech = speechOf(request, merchant)
      const typed = request.body
      const { currency = '' } = typed
      if (isCurrency(currency)) await deps.payments.loadPrices(assetOf(currency))
      const read = readForm(deps, typed, speech)
      if ('problem' in read) {
        void reply.code(422)
        return send(reply, renderCheckoutForm(deps, assets, { merchant, speech, typed, problem: read.problem }))
      }
      if (!isSameOrigin(request, deps.publicUrl())) throw new AppError('forbidden', 403, speech.say('crossSite'))
      await limitCreations(deps, request, merchant)
      const body = {
        amount: formatAmount(read.amount),
        currency: read.currency,
        methods: [...read.methods],
        ...(typed.note && { description: typed.note }),
        expires_in: 3600,
      }
      const announce = await deps.webhooks.hasSubscriber(merchant.merchantId, 'payment.created')
      const { intent } = await deps.payments.create(deps.db, { ...parseNewIntent(body, merchant, deps), announce })
      return reply.redirect(`/pay/${intent.id}?lang=${speech.language}`, 303)
    },
  })
}

/** Counts a new payment. Throws 429 above CREATE_PER_ADDRESS. */
export const limitCreations = ({ limits }: CheckoutDeps, { ip }: Request, { merchantId }: Shop): Promise<void> =>
  limits.require('checkout_create', `${toAddressKey(ip)} ${merchantId}`, CREATE_PER_ADDRESS)

function readForm({ payments }: CheckoutDeps, { amount = '', currency, method }: Typed, speech: Speech) {
  const offers = listOffers(payments)
  const offer = offers.find((each) => each.currency === currency) ?? offers[0]
  if (!offer) return { problem: speech.say('none') }
  const read = parseTypedAmount(amount, offer, {}, speech)
  if ('problem' in read) return read
  // The chosen method is first on the payment's page. The others stay, in case it fails.
  const methods = read.methods.toSorted((a, b) => Number(b === method) - Number(a === method))
  return { amount: read.amount, currency: offer.currency, methods }
}

interface PageOf {
  readonly merchant: Shop
  readonly speech: Speech
  readonly typed: Typed
  readonly problem?: string
}

function renderCheckoutForm(deps: CheckoutDeps, assets: Assets, { merchant, speech, typed, problem }: PageOf): string {
  const offers = preferred(listOffers(deps.payments), typed.currency)
  if (offers.length === 0) {
    const words = { title: speech.say('none'), text: speech.say('noneText', { merchant: merchant.name }) }
    return renderMessagePage(speech, { icon: 'alert', ...words }, assets)
  }
  const title = speech.say('payTo', { merchant: merchant.name })
  const action = `${PATH}?lang=${speech.language}`
  const body = renderAmountForm({ action, speech, offers, typed, problem, withNote: true })
  return renderFormPage(speech, { assets, title, merchant, practiceUrl: deps.practice?.url, path: PATH, body })
}

/** Sorts the offers: the requested currency first, then by number of methods. */
const preferred = (offers: readonly Offer[], asked: string | undefined): readonly Offer[] =>
  offers.toSorted(
    (a, b) =>
      Number(b.currency === asked) - Number(a.currency === asked) ||
      b.methods.length - a.methods.length ||
      a.currency.localeCompare(b.currency),
  )

/** Returns the configured merchant, else the sandbox merchant, else the only merchant. Throws 404. */
async function requireDesk({ config, practice, identity, db }: CheckoutDeps): Promise<Shop> {
  const { checkoutMerchant } = config()
  if (checkoutMerchant !== undefined) return identity.requireShop(db, checkoutMerchant)
  if (practice) return identity.requireShop(db, (await practice.merchant()).id)
  const { items } = await identity.listMerchants(db, { limit: 2 })
  const [only, another] = items
  if (only && !another) return identity.requireShop(db, only.id)
  throw new AppError('not-found', 404, 'There is no checkout here: set CHECKOUT_MERCHANT to the id of a merchant.')
}

const speechOf = (request: Request, { locale }: Shop): Speech => {
  const { lang } = querystring.pick({ lang: true }).safeParse(request.query).data ?? {}
  return speak(languageOf(lang, request.headers['accept-language'], locale))
}

const send = (reply: Reply, page: string): Reply => reply.type('text/html; charset=utf-8').send(page)
