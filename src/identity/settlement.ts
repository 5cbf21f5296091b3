import { z } from 'zod'
import { assetOf, isCurrency, parseAmount } from '#money'
import type { Queryable, Tx } from '#platform/database/db'
import type { Actor } from '#platform/runtime/module'
import { explainInvalidMobile, parseMobile } from '#platform/base/phone'
import { badInput, unknownMerchant } from './errors.ts'
import type { Destination, IdentityDeps, Merchant, SettlementChange, MaskedDestination } from './types.ts'
import { isId } from '#platform/base/ids'
import { readDestination, readMerchantForChange, writeDestination, writeSettlement } from './store/merchants.ts'

const HOLD_DAYS_AT_MOST = 365
const MAX_FEE_BPS = 10_000

export async function setSettlement(
  { clock }: IdentityDeps,
  tx: Tx,
  { merchantId, holdDays, feeBps, feeFixed }: SettlementChange,
  actor: Actor,
): Promise<Merchant> {
  const before = await requireForChange(tx, merchantId)
  const settlement = {
    holdDays:
      holdDays === undefined ? before.settlement.holdDays : requireInteger('hold_days', holdDays, HOLD_DAYS_AT_MOST),
    feeBps: feeBps === undefined ? before.settlement.feeBps : requireInteger('fee_bps', feeBps, MAX_FEE_BPS),
    feeFixed: feeFixed === undefined ? before.settlement.feeFixed : parseFees(feeFixed),
  }
  const { feeFixed: fixed, ...rest } = settlement
  const fees = Object.entries(fixed).map(([currency, amount]) => `${currency} ${amount}`)
  const detail = { ...rest, feeFixed: fees }
  const entry = { actor, action: 'identity.settlement-set', target: merchantId, detail }
  await writeSettlement(tx, merchantId, settlement, { entry, at: clock.now() })
  return { ...before, settlement }
}

function requireInteger(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value
  throw badInput(name, `${name} is a whole number from 0 to ${most}.`)
}

/** Converts fixed fees to minor units: `{ KES: '10.00' }` → `{ KES: '1000' }`. A currency that is missing has no fixed fee. */
function parseFees(given: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([currency, text]) => {
      if (!isCurrency(currency)) throw badInput('fee_fixed', `${currency.slice(0, 10)} is not a supported currency.`)
      const amount = parseAmount(text, assetOf(currency))
      if ('problem' in amount) throw badInput('fee_fixed', `The fee in ${currency} ${amount.problem}.`)
      return amount.amount === 0n ? [] : [[currency, amount.amount.toString()]]
    }),
  )
}

const line = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .refine((text) => text.isWellFormed() && !/[\p{Cc}]/u.test(text))
const destinations = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('mpesa'),
    phone: z
      .string()
      .transform((text) => parseMobile(text, 'KE') ?? '')
      .refine((phone) => phone !== ''),
  }),
  z.strictObject({
    kind: z.literal('bank'),
    bank: line(100),
    account: z.string().regex(/^[A-Z0-9]{4,34}$/),
    holder: line(100),
  }),
])

const FORMS: Readonly<Record<string, string>> = {
  kind: 'The kind must be mpesa or bank.',
  phone: `The phone number ${explainInvalidMobile('KE')}`,
  bank: 'Enter the name of the bank, at most 100 characters.',
  account: 'An account number has 4 to 34 capital letters and digits, without spaces.',
  holder: 'Enter the name of the account holder, at most 100 characters.',
}

function parseDestination(given: unknown): Destination {
  const { data, error } = destinations.safeParse(given)
  if (data) return data
  const field = String(error.issues[0]?.path[0] ?? 'kind')
  throw badInput(
    field,
    FORMS[field] ?? 'A destination has a phone (mpesa) or a bank account (bank), and no other fields.',
  )
}

const maskText = (text: string): string => `…${text.slice(-4)}`

/** Returns the part of a destination that may be shown and audited. */
const maskDestination = (destination: Destination): MaskedDestination =>
  destination.kind === 'mpesa'
    ? { kind: 'mpesa', ends: maskText(destination.phone) }
    : { kind: 'bank', ends: `${destination.bank} ${maskText(destination.account)}` }

const sealingContext = (merchantId: string): string => `payout-destination:${merchantId}`

export async function setDestination(
  { masterKey, clock }: IdentityDeps,
  tx: Tx,
  { merchantId, destination: given }: { merchantId: string; destination: unknown },
  actor: Actor,
): Promise<MaskedDestination | undefined> {
  const before = await requireForChange(tx, merchantId)
  const destination = given === null ? undefined : parseDestination(given)
  const shown = destination && maskDestination(destination)
  const sealed = destination && masterKey.seal(JSON.stringify(destination), sealingContext(merchantId))
  const describe = (one: MaskedDestination | null | undefined): string => (one ? `${one.kind} ${one.ends}` : 'none')
  const detail = { before: describe(before.destination), after: describe(shown) }
  const entry = { actor, action: 'identity.destination-set', target: merchantId, detail }
  await writeDestination(tx, merchantId, { sealed, shown }, { entry, at: clock.now() })
  return shown
}

export async function findDestination(
  { masterKey }: IdentityDeps,
  q: Queryable,
  merchantId: string,
): Promise<Destination | undefined> {
  const sealed = await readDestination(q, merchantId)
  return sealed === undefined
    ? undefined
    : parseDestination(JSON.parse(masterKey.open(sealed, sealingContext(merchantId))))
}

async function requireForChange(tx: Tx, merchantId: string): Promise<Merchant> {
  const merchant = isId('mer', merchantId) ? await readMerchantForChange(tx, merchantId) : undefined
  if (!merchant) throw unknownMerchant(merchantId)
  return merchant
}
