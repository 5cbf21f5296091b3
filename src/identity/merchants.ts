import { AppError } from '#platform/base/errors'
import type { Mode } from '#platform/environment/config'
import type { Queryable, Tx } from '#platform/database/db'
import type { Actor } from '#platform/runtime/module'
import { isId } from '#platform/base/ids'
import { applyBrandChange, deleteUnusedLogo } from './brand.ts'
import { badInput, badOrigin, unknownMerchant } from './errors.ts'
import type { IdentityDeps, Locale, Merchant, MerchantChange } from './types.ts'
import {
  deleteOrigin,
  insertMerchant,
  insertOrigin,
  readMerchant,
  readMerchantForChange,
  writeMerchant,
} from './store/merchants.ts'

export async function createMerchant(
  deps: IdentityDeps,
  tx: Tx,
  input: { name: string; locale?: Locale },
  actor: Actor,
): Promise<Merchant> {
  const { mode, ids, clock } = deps
  const id = ids.next('mer')
  const createdAt = clock.now()
  const name = requireName(input.name)
  const locale = input.locale ?? 'en'
  const livemode = mode === 'live'
  const entry = { actor, action: 'identity.merchant-created', target: id, detail: { name } }
  await insertMerchant(tx, { id, handle: null, name, livemode, locale, createdAt }, { entry, at: createdAt })
  return {
    id,
    name,
    livemode,
    locale,
    brand: { colour: null, logo: null },
    toleranceBps: 0,
    settlement: { holdDays: 0, feeBps: 0, feeFixed: {} },
    destination: null,
    returnOrigins: [],
    createdAt,
  }
}

export async function updateMerchant(
  { clock }: IdentityDeps,
  tx: Tx,
  { merchantId, name, locale, tolerance, ...brand }: MerchantChange,
  actor: Actor,
): Promise<Merchant> {
  const before = isId('mer', merchantId) ? await readMerchantForChange(tx, merchantId) : undefined
  if (!before) throw unknownMerchant(merchantId)
  const at = clock.now()
  const merchant: Merchant = {
    ...before,
    name: name === undefined ? before.name : requireName(name),
    locale: locale ?? before.locale,
    toleranceBps: tolerance === undefined ? before.toleranceBps : requireTolerance(tolerance),
    brand: await applyBrandChange(tx, before.brand, brand, at),
  }
  const detail = {
    name: merchant.name,
    locale: merchant.locale,
    toleranceBps: merchant.toleranceBps,
    ...merchant.brand,
  }
  const entry = { actor, action: 'identity.merchant-changed', target: merchantId, detail }
  await writeMerchant(tx, merchant, { entry, at })
  await deleteUnusedLogo(tx, before.brand, merchant.brand)
  return merchant
}

export const findMerchant = (q: Queryable, id: string): Promise<Merchant | undefined> =>
  isId('mer', id) ? readMerchant(q, id) : Promise.resolve(undefined)

export async function requireMerchant(q: Queryable, id: string): Promise<Merchant> {
  const merchant = await findMerchant(q, id)
  if (!merchant) throw unknownMerchant(id)
  return merchant
}

const TOLERANCE_MAX_BPS = 1000

/** Parses a percentage to basis points: `0.5` → 50. */
function requireTolerance(text: string): number {
  const [, whole, decimals = ''] = /^(\d{1,2})(?:\.(\d{1,2}))?$/.exec(text.trim()) ?? []
  const bps = whole === undefined ? Infinity : Number(whole + decimals.padEnd(2, '0'))
  if (bps > TOLERANCE_MAX_BPS)
    throw badInput(
      'tolerance',
      'The tolerance must be a percentage from 0 to 10 with at most two decimals, such as 0.5.',
    )
  return bps
}

const NAME_MAX = 100

export function requireName(text: string): string {
  const name = text.trim()
  if (name === '' || name.length > NAME_MAX) throw badInput('name', `A name must have 1 to ${NAME_MAX} characters.`)
  return name
}

const ORIGINS_MAX = 50

export async function addReturnOrigin(
  deps: IdentityDeps,
  tx: Tx,
  input: { merchantId: string; origin: string },
  actor: Actor,
): Promise<string> {
  const { mode, clock } = deps
  const origin = parseOrigin(input.origin, mode)
  const merchant = await requireMerchant(tx, input.merchantId)
  if (merchant.returnOrigins.includes(origin)) return origin
  if (merchant.returnOrigins.length >= ORIGINS_MAX) throw badOrigin(origin, `${merchant.id} has ${ORIGINS_MAX} already`)
  const entry = { actor, action: 'identity.origin-added', target: merchant.id, detail: { origin } }
  await insertOrigin(tx, { merchantId: merchant.id, origin }, { entry, at: clock.now() })
  return origin
}

export async function removeReturnOrigin(
  deps: IdentityDeps,
  tx: Tx,
  { merchantId, origin }: { merchantId: string; origin: string },
  actor: Actor,
): Promise<void> {
  const entry = { actor, action: 'identity.origin-removed', target: merchantId, detail: { origin } }
  if (!(await deleteOrigin(tx, { merchantId, origin }, { entry, at: deps.clock.now() }))) {
    throw new AppError(
      'identity.unknown-origin',
      404,
      `${merchantId} has no return origin ${origin}. See: npx purser merchant show ${merchantId}`,
    )
  }
}

/** Returns `https://shop.example` without path or query. Accepts plain http outside live mode, where no real payers return. */
export function parseOrigin(text: string, mode: Mode): string {
  const url = URL.parse(text.trim())
  if (!url) throw badOrigin(text, 'write it as https://shop.example')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw badOrigin(text, 'it must start with https://')
  if (url.protocol === 'http:' && mode === 'live') throw badOrigin(text, 'in live mode it must start with https://')
  if (url.username !== '' || url.password !== '') throw badOrigin(text, 'leave out the user name and password')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw badOrigin(text, `leave out what follows ${url.origin}`)
  if (url.hostname.includes('*')) throw badOrigin(text, 'wildcards are not supported, so list each origin')
  return url.origin
}
