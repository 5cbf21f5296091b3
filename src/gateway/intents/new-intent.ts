import {
  assetOf,
  currencyOf,
  formatAmount,
  isCurrency,
  listCurrencies,
  money,
  parseAmount,
  type Asset,
  type Money,
} from '#money'
import type { Shop } from '#identity'
import type { NewIntent, PaymentMethod, Payments } from '#payments'
import { type Clock, addMs } from '#platform/base/clock'
import { AppError } from '#platform/base/errors'
import type { CreatePayment } from '../resources/payment.ts'
import { explainInvalidPhone, parsePhone } from '#platform/base/phone'

/** The largest payment taken, in units of any currency: beyond it a typing error is likelier than a sale. */
export const LARGEST_UNITS = 1_000_000_000n

export interface NewPaymentDeps {
  readonly payments: Pick<Payments, 'methods'>
  readonly clock: Clock
  readonly publicUrl: () => string
}

/**
 * Turns an API request into the intent that it asks for, or throws 422 `validation-failed` with the field that is wrong, or 503
 * `payments.method-unavailable`.
 * Currency and methods are checked against what the rails take now.
 */
export function newIntentOf(
  body: CreatePayment,
  shop: Shop,
  { payments, clock, publicUrl }: NewPaymentDeps,
): NewIntent {
  const amount = requireAmount(body.amount, body.currency)
  const offered = payments.methods(amount.asset)
  return {
    owner: 'gateway',
    merchantId: shop.merchantId,
    livemode: shop.livemode,
    amount,
    methods: methodsFor(body, amount, shop, offered),
    description: body.description ?? '',
    reference: body.reference,
    customer: customerOf(body.customer, offered),
    ...(body.top_up && { topUp: true }),
    returnUrl: body.return_url === undefined ? undefined : requireReturnUrl(body.return_url, shop, publicUrl()),
    metadata: body.metadata ?? {},
    terms: termsOf(shop),
    expiresAt: addMs(clock.now(), body.expires_in * 1000),
  }
}

/** The country whose phones the methods of this currency prompt says where a national form is from. */
function customerOf(customer: CreatePayment['customer'], offered: readonly PaymentMethod[]): NewIntent['customer'] {
  if (!customer || Object.keys(customer).length === 0) return undefined
  if (customer.phone === undefined) return customer
  const country = offered.find(({ phoneCountry }) => phoneCountry !== undefined)?.phoneCountry
  const phone = parsePhone(customer.phone, country)
  if (phone === undefined) throw invalid('customer.phone', explainInvalidPhone(country))
  return { ...customer, phone }
}

/** What holds for the payment whatever the merchant changes later. */
const termsOf = ({ name, storeId, toleranceBps }: Shop): NewIntent['terms'] => ({
  merchantName: name,
  ...(storeId !== undefined && { store: storeId }),
  ...(toleranceBps > 0 && { toleranceBps: String(toleranceBps) }),
})

function invalid(param: string, message: string): AppError {
  return new AppError('validation-failed', 422, `${param} ${message}`, { param })
}

/** `param` is named when it is wrong. */
export function requireAmount(text: string, currency: string, param = 'amount'): Money {
  if (!isCurrency(currency)) throw invalid('currency', `"${currency}" is not known; use a code such as "KES"`)
  const amount = parseAmount(text, assetOf(currency))
  if ('problem' in amount) throw invalid(param, amount.problem)
  if (amount.amount === 0n) throw invalid(param, 'must be more than zero')
  const largest = largestOf(amount.asset)
  if (amount.amount > largest) throw invalid(param, `must be at most ${formatAmount(money(amount.asset, largest))}`)
  return amount
}

const largestOf = (asset: Asset): bigint => LARGEST_UNITS * 10n ** BigInt(asset.slice(asset.indexOf('/') + 1))

/** A store, and a link, can name the ways to pay that they take, in order; none for all. */
export const selectMethods = (names: readonly string[], offered: readonly PaymentMethod[]): readonly PaymentMethod[] =>
  names.length === 0 ? offered : names.flatMap((name) => offered.filter(({ method }) => method === name))

/** The end of a sentence that says what is not taken: a store may take less than the desk. */
const here = ({ storeId, methods }: Shop): string =>
  storeId === undefined || methods.length === 0 ? '' : ` in the store ${storeId}, which takes ${methods.join(', ')}`

const noneTakes = (currency: string, shop: Shop): AppError =>
  invalid('currency', `${currency} cannot be taken by any payment method${here(shop)}`)
const noMethod = (name: string, currency: string, shop: Shop): AppError =>
  invalid('methods', `"${name}" is unknown, or cannot take ${currency}${here(shop)}`)

const BALANCE = 'balance'

/** The balance is never offered to a payer by itself: it is there for whom the merchant has asked for it, and says who pays. */
function methodsFor(
  { methods, top_up: isTopUp, customer }: CreatePayment,
  amount: Money,
  shop: Shop,
  offered: readonly PaymentMethod[],
): readonly string[] {
  const byBalance = methods?.includes(BALANCE) === true
  if ((isTopUp || byBalance) && customer?.id === undefined)
    throw invalid('customer.id', 'must be there: it says whose balance it is')
  if (isTopUp && byBalance) throw invalid('methods', `must be without "${BALANCE}": a top-up fills it`)
  if (!byBalance) return requireMethods(methods, amount, shop, offered)
  const others = methods.filter((name) => name !== BALANCE)
  return [BALANCE, ...(others.length > 0 ? requireMethods(others, amount, shop, offered) : [])]
}

/** The methods that the payer is offered: those asked for, each of which must work, else all that can take this amount. */
function requireMethods(
  asked: readonly string[] | undefined,
  amount: Money,
  shop: Shop,
  all: readonly PaymentMethod[],
): readonly string[] {
  const currency = currencyOf(amount.asset)
  const offered = selectMethods(shop.methods, all)
  if (!asked) {
    const able = offered.filter((method) => problemWith(method, amount) === undefined)
    if (able.length > 0) return able.map(({ method }) => method)
    const [first] = offered
    if (!first) throw noneTakes(currency, shop)
    const usable = offered.find(({ unavailable }) => unavailable === undefined)
    if (!usable) throw switchedOff(first, 'currency')
    throw invalid('amount', problemWith(usable, amount) ?? 'cannot be taken')
  }
  for (const name of asked) {
    const method = offered.find((each) => each.method === name)
    if (!method) throw noMethod(name, currency, shop)
    if (method.unavailable !== undefined) throw switchedOff(method, 'methods')
    const problem = problemWith(method, amount)
    if (problem) throw invalid('amount', `${problem} (method "${name}")`)
  }
  return [...new Set(asked)]
}

/** Whether a link can be paid by these, or by any: switched off or not, it is for later. Throws 422 `validation-failed`. */
export function requireLinkMethods(
  asked: readonly string[],
  { asset, amount }: { readonly asset: Asset; readonly amount: bigint | null },
  shop: Shop,
  payments: NewPaymentDeps['payments'],
): void {
  const offered = selectMethods(shop.methods, payments.methods(asset))
  if (offered.length === 0) throw noneTakes(currencyOf(asset), shop)
  const unknown = asked.find((name) => offered.every(({ method }) => method !== name))
  if (unknown !== undefined) throw noMethod(unknown, currencyOf(asset), shop)
  if (amount === null) return
  const problems = selectMethods(asked, offered).map((method) =>
    problemWith({ ...method, unavailable: undefined }, money(asset, amount)),
  )
  const [first] = problems
  if (first !== undefined && !problems.includes(undefined)) throw invalid('amount', first)
}

/** Whether each is a way to pay in some currency. Throws 422 `validation-failed`. */
export function requireKnownMethods(asked: readonly string[], payments: NewPaymentDeps['payments']): void {
  const known = new Set(listCurrencies().flatMap((each) => payments.methods(assetOf(each)).map(({ method }) => method)))
  const unknown = asked.find((name) => !known.has(name))
  if (unknown !== undefined)
    throw invalid('methods', `"${unknown}" is unknown; there are ${[...known].toSorted().join(', ')}`)
}

const OFF_SECONDS = 60

/** Nothing is wrong with the request: its provider's keys are missing, or it was switched off. */
const switchedOff = ({ method, unavailable }: PaymentMethod, param: string): AppError =>
  new AppError('payments.method-unavailable', 503, `${method} cannot be used now: it is switched off.`, {
    param,
    retryAfterSeconds: OFF_SECONDS,
    cause: unavailable,
  })

/** Why a method cannot take the amount, as the end of a sentence; undefined when it can. */
export function problemWith(
  { method, unavailable, limits }: PaymentMethod,
  { asset, amount }: Money,
): string | undefined {
  const show = (minor: bigint): string => `${currencyOf(asset)} ${formatAmount(money(asset, minor))}`
  if (unavailable) return `cannot be paid by ${method} now: it is switched off`
  if (amount < limits.min) return `is below the smallest that can be paid, ${show(limits.min)}`
  if (amount > limits.max) return `is above the largest that can be paid at once, ${show(limits.max)}`
  if (amount % limits.step !== 0n) return `must be a multiple of ${show(limits.step)}`
  return undefined
}

/** Our own pages need no registration: nobody is led astray by them. */
export function isReturnable(text: string | null, shop: Shop, publicUrl: string): text is string {
  if (text === null) return false
  const { origin } = new URL(text)
  return shop.returnOrigins.includes(origin) || origin === new URL(publicUrl).origin
}

export function requireReturnUrl(text: string, shop: Shop, publicUrl: string): string {
  if (isReturnable(text, shop, publicUrl)) return text
  throw invalid(
    'return_url',
    `is not on a registered origin; register it with: npx purser merchant origins add ${shop.merchantId} ${new URL(text).origin}`,
  )
}
