import type { Shop } from '#identity'
import { assetOf, isCurrency } from '#money'
import { AppError } from '#platform/base/errors'
import type { CreateLink } from './schemas.ts'
import type { NewLink } from '../../links/links.ts'
import { requireAmount, requireLinkMethods, requireReturnUrl, type NewPaymentDeps } from '../../intents/new-intent.ts'

const invalid = (param: string, message: string): AppError =>
  new AppError('validation-failed', 422, `${param} ${message}`, { param })

/** Returns the link that an API request asks for. Throws 422 `validation-failed` with the field that is wrong. */
export function parseNewLink(
  body: CreateLink,
  shop: Shop,
  { payments, publicUrl }: Pick<NewPaymentDeps, 'payments' | 'publicUrl'>,
): Omit<NewLink, 'requestKey'> {
  const { currency } = body
  if (!isCurrency(currency)) throw invalid('currency', `"${currency}" is not known; use a code such as "KES"`)
  const asset = assetOf(currency)
  const minor = (name: 'amount' | 'min_amount' | 'max_amount'): bigint | null =>
    body[name] === undefined ? null : requireAmount(body[name], currency, name).amount
  const [amount, least, most] = [minor('amount'), minor('min_amount'), minor('max_amount')]
  if (amount !== null && (least !== null || most !== null))
    throw invalid('amount', 'cannot be combined with min_amount and max_amount: send either the amount or the bounds')
  if (least !== null && most !== null && least > most) throw invalid('min_amount', 'must be at most max_amount')
  requireLinkMethods(body.methods ?? [], { asset, amount }, shop, payments)
  return {
    merchantId: shop.merchantId,
    storeId: shop.storeId ?? null,
    livemode: shop.livemode,
    asset,
    amount,
    least,
    most,
    description: body.description,
    reference: body.reference ?? null,
    methods: body.methods ?? null,
    returnUrl: body.return_url === undefined ? null : requireReturnUrl(body.return_url, shop, publicUrl()),
    singleUse: body.single_use,
    expiresAt: body.expires_at === undefined ? null : new Date(body.expires_at),
  }
}
