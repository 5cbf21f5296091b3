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

/** Maximum amount of a payment, in units of any currency. A larger amount is more likely a typing error than a sale. */
export const LARGEST_UNITS = 1_000_000_000n

export interface NewPaymentDeps {
  readonly payments: Pick<Payments, 'methods'>
  readonly clock: Clock
  readonly publicUrl: () => string
}

/**
 * Returns the intent that an API request asks for. Throws 422 `validation-failed` with the field that is wrong, or 503
 * `payments.method-unavailable`. Checks currency and methods against the rails that are available now.
 */
export function parseNewIntent(
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

/** Returns the customer with an international phone number. The currency's methods determine the country of a national number. */
function customerOf(customer: CreatePayment['customer'], offered: readonly PaymentMethod[]): NewIntent['customer'] {
  if (!customer || Object.keys(customer).length === 0) return undefined
  if (customer.phone === undefined) return customer
  const country = offered.find(({ phoneCountry }) => phoneCountry !== undefined)?.phoneCountry
  const phone = parsePhone(customer.phone, country)
  if (phone === undefined) throw invalid('customer.phone', explainInvalidPhone(country))
  return { ...customer, phone }
}

/** Returns the terms that stay fixed for the payment even if the merchant's profile changes. */
const termsOf = ({ name, storeId, toleranceBps }: Shop): NewIntent['terms'] => ({
  merchantName: name,
  ...(storeId !== undefined && { store: storeId }),
  ...(toleranceBps > 0 && { toleranceBps: String(toleranceBps) }),
})

function invalid(param: string, message: string): AppError {
  return new AppError('validation-failed', 422, `${param} ${message}`, { param })
}

/** Parses an amount in units of the currency. Throws 422 `validation-failed`, which names `param`. */
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

/** Returns the offered methods that a store or link names, in its order. No names mean all methods. */
export const selectMethods = (names: readonly string[], offered: readonly PaymentMethod[]): readonly PaymentMethod[] =>
  names.length === 0 ? offered : names.flatMap((name) => offered.filter(({ method }) => method === name))

/** Returns the end of an error message that names the store's methods, because a store may accept fewer methods than the desk. */
const inStore = ({ storeId, methods }: Shop): string =>
  storeId === undefined || methods.length === 0 ? '' : ` in the store ${storeId}, which accepts ${methods.join(', ')}`

const noneTakes = (currency: string, shop: Shop): AppError =>
  invalid('currency', `${currency} is not accepted by any payment method${inStore(shop)}`)
const noMethod = (name: string, currency: string, shop: Shop): AppError =>
  invalid('methods', `"${name}" is unknown, or does not accept ${currency}${inStore(shop)}`)

const BALANCE = 'balance'

/** Returns the methods of the payment. A customer's balance is offered only if the merchant requests it and names the customer. */
function methodsFor(
  { methods, top_up: isTopUp, customer }: CreatePayment,
  amount: Money,
  shop: Shop,
  offered: readonly PaymentMethod[],
): readonly string[] {
  const byBalance = methods?.includes(BALANCE) === true
  if ((isTopUp || byBalance) && customer?.id === undefined)
    throw invalid('customer.id', 'is required: it names the customer whose balance is used')
  if (isTopUp && byBalance) throw invalid('methods', `must not contain "${BALANCE}", because the payment tops it up`)
  if (!byBalance) return requireMethods(methods, amount, shop, offered)
  const others = methods.filter((name) => name !== BALANCE)
  return [BALANCE, ...(others.length > 0 ? requireMethods(others, amount, shop, offered) : [])]
}

/** Returns the methods offered to the payer: the requested ones, each of which must be available, else all that accept this amount. */
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
    throw invalid('amount', problemWith(usable, amount) ?? 'is not accepted')
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

/** Checks that the methods can pay the link. A method may be off, because links are paid later. Throws 422 `validation-failed`. */
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

/** Checks that each method exists for some currency. Throws 422 `validation-failed`. */
export function requireKnownMethods(asked: readonly string[], payments: NewPaymentDeps['payments']): void {
  const known = new Set(listCurrencies().flatMap((each) => payments.methods(assetOf(each)).map(({ method }) => method)))
  const unknown = asked.find((name) => !known.has(name))
  if (unknown !== undefined)
    throw invalid('methods', `"${unknown}" is unknown; use ${[...known].toSorted().join(', ')}`)
}

const OFF_SECONDS = 60

/** Returns 503: the request is valid, but the provider's credentials are missing or the method is off. */
const switchedOff = ({ method, unavailable }: PaymentMethod, param: string): AppError =>
  new AppError(
    'payments.method-unavailable',
    503,
    `${method} is not available now. Use another method, or try again later.`,
    {
      param,
      retryAfterSeconds: OFF_SECONDS,
      cause: unavailable,
    },
  )

/** Returns why a method cannot accept the amount, as the end of a sentence; undefined if it can. */
export function problemWith(
  { method, unavailable, limits }: PaymentMethod,
  { asset, amount }: Money,
): string | undefined {
  const show = (minor: bigint): string => `${currencyOf(asset)} ${formatAmount(money(asset, minor))}`
  if (unavailable) return `cannot be paid by ${method} now: the method is off`
  if (amount < limits.min) return `is below the minimum, ${show(limits.min)}`
  if (amount > limits.max) return `is above the maximum, ${show(limits.max)}`
  if (amount % limits.step !== 0n) return `must be a multiple of ${show(limits.step)}`
  return undefined
}

/** Returns whether payers may return to this URL. The desk's own pages need no registration, because they cannot be used for phishing. */
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
