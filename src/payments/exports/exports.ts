import { money } from '#money'
import { addMs } from '#platform/base/clock'
import { firstIdAt } from '#platform/base/ids'
import { flagsOf } from '../intents/state.ts'
import { isCustomerAccount } from '../postings.ts'
import { statusOfRefund } from '../reservations/state.ts'
import { maskPhone } from '../store/attempts.ts'
import {
  type IntentLineRow,
  type ExportPage,
  listIntentLines,
  listReceiptLines,
  listRefundLines,
  type ReceiptLineRow,
  type RefundLineRow,
} from '../store/exports.ts'
import { ID_MARGIN_MS } from '../store/intents.ts'
import type { ExportSpan, IntentLine, PaymentExports, ReceiptLine, RefundLine } from './types.ts'

const PAGE_ROWS = 1000

export const paymentExports: PaymentExports = {
  intents: (q, span) => pagesOf('pay', span, async (page) => (await listIntentLines(q, page)).map(toIntentLine)),
  receipts: (q, span) => pagesOf('rcp', span, async (page) => (await listReceiptLines(q, page)).map(toReceiptLine)),
  refunds: (q, span) => pagesOf('re', span, async (page) => (await listRefundLines(q, page)).map(toRefundLine)),
}

async function* pagesOf<Line extends { readonly id: string }>(
  prefix: string,
  { merchantId, from, to, pageRows: limit = PAGE_ROWS }: ExportSpan,
  read: (page: ExportPage) => Promise<readonly Line[]>,
): AsyncGenerator<readonly Line[]> {
  const before = firstIdAt(prefix, addMs(to, ID_MARGIN_MS))
  let after = firstIdAt(prefix, addMs(from, -ID_MARGIN_MS))
  for (;;) {
    const lines = await read({ merchantId, from, to, after, before, limit })
    const last = lines.at(-1)
    if (!last) return
    yield lines
    if (lines.length < limit) return
    after = last.id
  }
}

const toIntentLine = (row: IntentLineRow): IntentLine => ({
  id: row.id,
  livemode: row.livemode,
  amount: money(row.asset, row.amount),
  received: money(row.asset, row.received),
  refunded: money(row.asset, row.refunded),
  reversed: money(row.asset, row.reversed),
  status: row.status,
  flags: flagsOf(row),
  description: row.description,
  reference: row.reference ?? undefined,
  customer: row.customer ?? undefined,
  metadata: row.metadata,
  terms: row.terms,
  topUp: isCustomerAccount(row.account),
  expiresAt: row.expiresAt,
  canceledAt: row.canceledAt ?? undefined,
  version: row.version,
  createdAt: row.createdAt,
})

const toReceiptLine = (row: ReceiptLineRow): ReceiptLine => ({
  id: row.id,
  intentId: row.intentId,
  attemptId: row.attemptId,
  livemode: row.livemode,
  method: row.method,
  number: row.number ?? undefined,
  reference: row.reference ?? undefined,
  terms: row.terms,
  topUp: isCustomerAccount(row.account),
  gross: money(row.asset, row.gross),
  counted: money(row.intentAsset, row.counted),
  refunded: money(row.intentAsset, row.refunded),
  reversed: money(row.intentAsset, row.reversed),
  late: row.late,
  takenAt: row.takenAt,
  recordedAt: row.recordedAt,
})

const toRefundLine = (row: RefundLineRow): RefundLine => ({
  id: row.id,
  intentId: row.intentId,
  livemode: row.livemode,
  reference: row.reference ?? undefined,
  terms: row.terms,
  topUp: isCustomerAccount(row.account),
  amount: money(row.asset, row.amount),
  origin: row.origin,
  status: statusOfRefund(row.state),
  note: row.note,
  rail: row.rail ?? undefined,
  phone: row.phone === null ? undefined : maskPhone(row.phone),
  number: row.number ?? undefined,
  failure: row.failure ?? undefined,
  createdAt: row.createdAt,
  endedAt: row.endedAt ?? undefined,
})
