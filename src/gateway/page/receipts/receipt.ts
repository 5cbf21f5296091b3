import type { Brand } from '#identity'
import type { Intent } from '#payments'
import { html } from '#platform/base/html'
import type { Assets } from '../assets/assets.ts'
import { renderMerchantLine, type PaperBrand } from '../brand/brand.ts'
import { renderFooter, renderPlainPage, renderPracticeNotice } from '../layout/document.ts'
import { isolate } from '../../pdf/text.ts'
import { renderReceiptList, listReceiptRows } from '../checkout/paid.ts'
import { showMoney, showTime } from '../../strings/format.ts'
import type { Speech } from '../../strings/strings.ts'

/** Receipts for printing and as PDF. */

/** Returns whether money arrived. The payment has a receipt from then on, whatever its status. */
export const hasReceipt = ({ receipts }: Intent): boolean => receipts.length > 0

const titleOf = ({ terms }: Intent, speech: Speech): string =>
  speech.say('receiptFrom', { merchant: terms.merchantName })

/** Renders the receipt as a page for printing. */
export function renderReceipt(intent: Intent, speech: Speech, assets: Assets, brand?: Brand): string {
  const body = html`${!intent.livemode && renderPracticeNotice(speech, undefined)}
    <main class="paper">
      ${renderMerchantLine(intent.terms.merchantName, brand)}
      <h1 class="title">${speech.say('receipt')}</h1>
      <p class="total">${showMoney(intent.received)}</p>
      ${intent.description && html`<p class="about" dir="auto">${intent.description}</p>`}
      ${renderReceiptList(intent, speech)}
      <p class="actions">
        <a class="button" href="/pay/${intent.id}/receipt.pdf?lang=${speech.language}">${speech.say('receiptFile')}</a>
        <a class="button quiet" href="/pay/${intent.id}?lang=${speech.language}">${speech.say('receiptBack')}</a>
      </p>
    </main>
    ${renderFooter(`/pay/${intent.id}/receipt`, speech)}`
  return renderPlainPage(speech, titleOf(intent, speech), assets, body, brand)
}

/**
 * Returns the receipt as a PDF. `printedAt` distinguishes two copies: only the later one shows a later refund.
 * The PDF library and its fonts are loaded with the first receipt, because most commands never need them.
 */
export async function renderReceiptPdf(
  intent: Intent,
  speech: Speech,
  printedAt: Date,
  brand: PaperBrand = {},
): Promise<Buffer> {
  const { renderPdf } = await import('../../pdf/document.ts')
  return renderPdf({
    language: speech.language,
    title: speech.say('receiptFrom', { merchant: isolate(intent.terms.merchantName) }),
    subtitle: intent.description || undefined,
    ...brand,
    printedAt,
    rows: [
      [speech.say('amount'), showMoney(intent.received)],
      ...listReceiptRows(intent, speech).flatMap(([label, value]) =>
        value === undefined ? [] : [[label, value] as const],
      ),
    ],
    notes: [
      ...(intent.livemode ? [] : [speech.say('practice')]),
      speech.say('receiptAsOf', { time: showTime(printedAt, speech) }),
    ],
  })
}
