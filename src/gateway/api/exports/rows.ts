import { z } from 'zod'
import { currencyOf, formatAmount, money } from '#money'
import type { HistoryLine } from '#ledger'
import type { IntentLine, ReceiptLine, RefundLine } from '#payments'

/** Rows of exports. CSV and JSON have the same fields in the same order. */

const time = z.string().meta({ format: 'date-time' })
const amount = z.string()
const id = z.string()
const topUp = z
  .boolean()
  .meta({ description: 'It tops up a customer’s prepaid balance: it is not a sale and not part of your balance' })
const store = id.nullable().meta({ description: 'Store of the payment' })

export const paymentLine = z
  .object({
    id,
    created_at: time,
    livemode: z.boolean(),
    status: z.string(),
    amount,
    currency: z.string(),
    amount_received: amount,
    amount_refunded: amount,
    partial: z.boolean(),
    overpaid: z.boolean(),
    late: z.boolean(),
    reference: z.string().nullable(),
    description: z.string().nullable(),
    customer_name: z.string().nullable(),
    customer_email: z.string().nullable(),
    customer_phone: z.string().nullable(),
    expires_at: time,
    canceled_at: time.nullable(),
    version: z.int(),
    store,
    payment_link: id.nullable(),
    customer_id: z.string().nullable(),
    top_up: topUp,
    metadata: z.record(z.string(), z.string()).meta({ description: 'JSON text in CSV' }),
  })
  .meta({ id: 'PaymentLine', description: 'A payment as a row' })

export const renderIntent = (line: IntentLine): z.output<typeof paymentLine> => ({
  id: line.id,
  created_at: line.createdAt.toISOString(),
  livemode: line.livemode,
  status: line.status,
  amount: formatAmount(line.amount),
  currency: currencyOf(line.amount.asset),
  amount_received: formatAmount(line.received),
  amount_refunded: formatAmount(line.refunded),
  ...line.flags,
  reference: line.reference ?? null,
  description: line.description || null,
  customer_name: line.customer?.name ?? null,
  customer_email: line.customer?.email ?? null,
  customer_phone: line.customer?.phone ?? null,
  expires_at: line.expiresAt.toISOString(),
  canceled_at: line.canceledAt?.toISOString() ?? null,
  version: line.version,
  store: line.terms['store'] ?? null,
  payment_link: line.terms['link'] ?? null,
  customer_id: line.customer?.id ?? null,
  top_up: line.topUp,
  metadata: line.metadata,
})

export const receiptLine = z
  .object({
    id,
    payment: id,
    attempt: id,
    recorded_at: time.meta({ description: 'Time at which it was posted to the ledger; `from` and `to` filter by it' }),
    received_at: time.meta({ description: 'Time at which the provider took the money' }),
    livemode: z.boolean(),
    method: z.string(),
    receipt_number: z.string().nullable().meta({ description: 'Receipt number that the payer sees' }),
    amount,
    currency: z.string(),
    counted: amount.meta({ description: 'Amount that counts towards the payment, in the currency of the payment' }),
    refunded: amount,
    taken_back: amount.meta({
      description: 'Amount reversed by the provider: chargebacks, and payments that failed after they were paid',
    }),
    payment_currency: z.string(),
    late: z.boolean(),
    reference: z.string().nullable().meta({ description: 'Reference of the payment' }),
    store,
    top_up: topUp,
  })
  .meta({ id: 'ReceiptLine', description: 'Money that arrived, as a row' })

export const renderReceipt = (line: ReceiptLine): z.output<typeof receiptLine> => {
  const { asset } = line.counted
  return {
    id: line.id,
    payment: line.intentId,
    attempt: line.attemptId,
    recorded_at: line.recordedAt.toISOString(),
    received_at: line.takenAt.toISOString(),
    livemode: line.livemode,
    method: line.method,
    receipt_number: line.number ?? null,
    amount: formatAmount(line.gross),
    currency: currencyOf(line.gross.asset),
    counted: formatAmount(line.counted),
    refunded: formatAmount(line.refunded),
    taken_back: formatAmount(money(asset, line.reversed.amount - line.refunded.amount)),
    payment_currency: currencyOf(asset),
    late: line.late,
    reference: line.reference ?? null,
    store: line.terms['store'] ?? null,
    top_up: line.topUp,
  }
}

export const refundLine = z
  .object({
    id,
    payment: id,
    created_at: time,
    ended_at: time.nullable(),
    livemode: z.boolean(),
    status: z.string(),
    amount,
    currency: z.string(),
    origin: z.string().meta({ description: '`provider`: created in the provider’s own dashboard' }),
    method: z.string().nullable().meta({ description: 'Method that sends it' }),
    destination: z.string().nullable().meta({ description: 'Masked' }),
    number: z.string().nullable().meta({ description: 'Receipt number that the payer sees' }),
    failure: z.string().nullable(),
    reason: z.string().nullable(),
    reference: z.string().nullable().meta({ description: 'Reference of the payment' }),
    store,
    top_up: topUp,
  })
  .meta({ id: 'RefundLine', description: 'A refund as a row' })

export const renderRefundLine = (line: RefundLine): z.output<typeof refundLine> => ({
  id: line.id,
  payment: line.intentId,
  created_at: line.createdAt.toISOString(),
  ended_at: line.endedAt?.toISOString() ?? null,
  livemode: line.livemode,
  status: line.status,
  amount: formatAmount(line.amount),
  currency: currencyOf(line.amount.asset),
  origin: line.origin,
  method: line.rail ?? null,
  destination: line.phone ?? null,
  number: line.number ?? null,
  failure: line.failure ?? null,
  reason: line.note || null,
  reference: line.reference ?? null,
  store: line.terms['store'] ?? null,
  top_up: line.topUp,
})

export const ledgerLine = z
  .object({
    id: id.meta({ description: 'Id of the transfer' }),
    at: time,
    account: z.string().meta({ examples: ['available', 'debt'] }),
    direction: z.enum(['in', 'out']),
    amount,
    currency: z.string(),
    kind: z.string().meta({ description: 'Reason of the movement', examples: ['payments.receipt'] }),
    about: id.meta({
      description: 'Id of the receipt, refund or other object',
      examples: ['rcp_01kd3vq7m2e8wtzr4c9x5bnh6f'],
    }),
  })
  .meta({ id: 'LedgerLine', description: 'A movement on an account of the merchant, as a row' })

export const renderLine =
  (prefix: string) =>
  (line: HistoryLine): z.output<typeof ledgerLine> => ({
    id: line.id,
    at: line.at.toISOString(),
    account: line.account.slice(prefix.length),
    direction: line.direction,
    amount: formatAmount(money(line.asset, line.amount)),
    currency: currencyOf(line.asset),
    kind: line.kind,
    about: line.ref,
  })
