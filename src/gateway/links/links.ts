import type { Identity, Shop } from '#identity'
import { currencyOf, formatAmount, type Money } from '#money'
import type { Intent, Payments } from '#payments'
import { AppError } from '#platform/base/errors'
import type { Clock } from '#platform/base/clock'
import type { Db, Queryable, Tx } from '#platform/database/db'
import { isId, type Ids } from '#platform/base/ids'
import type { Webhooks } from '#webhooks'
import { findLink, insertLink, lockLink, updateLink, type LinkRow } from './store.ts'
import { isReturnable, parseNewIntent } from '../intents/new-intent.ts'

export interface LinkDeps {
  readonly db: Db
  readonly ids: Ids
  readonly clock: Clock
  readonly identity: Identity
  readonly payments: Payments
  readonly webhooks: Webhooks
  readonly publicUrl: () => string
}

export type NewLink = Omit<LinkRow, 'id' | 'createdAt' | 'archivedAt' | 'paymentId'>

export async function createLink(
  { ids, clock }: Pick<LinkDeps, 'ids' | 'clock'>,
  q: Queryable,
  input: NewLink,
): Promise<LinkRow> {
  const link = { ...input, id: ids.next('lnk'), createdAt: clock.now(), archivedAt: null, paymentId: null }
  await insertLink(q, link)
  return link
}

export interface LinkKey {
  readonly id: string
  readonly merchantId: string
  /** Set if the caller acts for one store. */
  readonly storeId: string | undefined
}

export async function requireLink(q: Queryable, key: LinkKey): Promise<LinkRow> {
  const link = isId('lnk', key.id) ? await findLink(q, key.id) : undefined
  return requireLinkOfCaller(link, key)
}

/** Changes of a link; undefined keeps a value. The amount cannot change, because payers already know it. */
export type LinkChange = {
  readonly [K in 'description' | 'reference' | 'methods' | 'returnUrl' | 'expiresAt']?: LinkRow[K] | undefined
} & { readonly archived?: boolean | undefined }

export async function changeLink(
  { clock }: Pick<LinkDeps, 'clock'>,
  tx: Tx,
  key: LinkKey,
  { archived, ...change }: LinkChange,
): Promise<LinkRow> {
  const link = requireLinkOfCaller(isId('lnk', key.id) ? await lockLink(tx, key.id) : undefined, key)
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
  const after: LinkRow = {
    ...link,
    ...given,
    archivedAt: archived === undefined ? link.archivedAt : archived ? (link.archivedAt ?? clock.now()) : null,
  }
  await updateLink(tx, after)
  return after
}

function requireLinkOfCaller(link: LinkRow | undefined, { id, merchantId, storeId }: LinkKey): LinkRow {
  if (link?.merchantId === merchantId && (storeId === undefined || link.storeId === storeId)) return link
  throw noSuchLink(id)
}

export const noSuchLink = (id: string): AppError =>
  new AppError('gateway.no-such-link', 404, `There is no payment link ${id}.`, { param: 'id' })

/** State of a link for a payer who opens it. `used`: a single-use link whose payment received money. */
export type LinkState =
  | { readonly is: 'open' }
  | { readonly is: 'closed' }
  /** Payment of a single-use link: `started` can still be paid. */
  | { readonly is: 'started' | 'used'; readonly paymentId: string }

/** Returns the state of the link for a payer who opens it. */
export async function findLinkState(
  { payments, clock }: LinkDeps,
  q: Queryable,
  { singleUse, paymentId, expiresAt, archivedAt }: LinkRow,
  shop: Pick<Shop, 'archived'>,
): Promise<LinkState> {
  if (singleUse && paymentId !== null) {
    const intent = await payments.find(q, { id: paymentId })
    if (intent?.status === 'open' || intent?.status === 'processing') return { is: 'started', paymentId }
    // A payer who paid a part must not pay the full amount again.
    const took = intent !== undefined && intent.received.amount > 0n
    if (took || intent?.status === 'paid' || intent?.status === 'reversed') return { is: 'used', paymentId }
  }
  return shop.archived || archivedAt || (expiresAt && expiresAt <= clock.now()) ? { is: 'closed' } : { is: 'open' }
}

export interface LinkChoice {
  readonly amount: Money
  readonly methods: readonly string[] | undefined
}

const EXPIRES_IN_SECONDS = 3600

/** Returns the payment for the payer: the existing one of a single-use link, else a new one. Undefined if the link is closed. */
export async function payByLink(
  deps: LinkDeps,
  id: string,
  shop: Shop,
  chosen: LinkChoice,
): Promise<Pick<Intent, 'id'> | undefined> {
  const announce = await deps.webhooks.hasSubscriber(shop.merchantId, 'payment.created')
  await deps.payments.loadPrices(chosen.amount.asset)
  return deps.db.transaction(async (tx) => {
    const link = await lockLink(tx, id)
    if (!link) throw noSuchLink(id)
    const state = await findLinkState(deps, tx, link, shop)
    if (state.is === 'started' || state.is === 'used') return { id: state.paymentId }
    if (state.is === 'closed') return undefined
    const body = {
      amount: formatAmount(chosen.amount),
      currency: currencyOf(chosen.amount.asset),
      description: link.description,
      ...(link.reference !== null && { reference: link.reference }),
      // If the merchant removed the origin meanwhile, the payment has no return URL.
      ...(isReturnable(link.returnUrl, shop, deps.publicUrl()) ? { return_url: link.returnUrl } : {}),
      ...(chosen.methods && { methods: [...chosen.methods] }),
      expires_in: EXPIRES_IN_SECONDS,
    }
    const input = parseNewIntent(body, shop, deps)
    const terms = { ...input.terms, link: id }
    const { intent } = await deps.payments.create(tx, { ...input, terms, announce })
    if (link.singleUse) await updateLink(tx, { ...link, paymentId: intent.id })
    return intent
  })
}
