import { addMs } from '#platform/base/clock'
import type { Ids } from '#platform/base/ids'
import type { Network } from '../phone/network.ts'
import { RESULTS } from '../phone/phones.ts'
import type { Prompt } from '../phone/store.ts'

/** Renders the callback as Safaricom posts it: metadata only on success, a Balance item without a value, numbers as JSON numbers. */
export function callbackBody(prompt: Prompt): string {
  const { merchantRequestId, id, resultCode, paidShillings, receiptNumber: number, decidedAt, phone } = prompt
  const code = resultCode ?? '4999'
  const items = [
    `{"Name":"Amount","Value":${paidShillings ?? 0n}.00}`,
    `{"Name":"MpesaReceiptNumber","Value":${JSON.stringify(number)}}`,
    '{"Name":"Balance"}',
    `{"Name":"TransactionDate","Value":${eatStamp(decidedAt ?? prompt.createdAt)}}`,
    `{"Name":"PhoneNumber","Value":${phone}}`,
  ]
  const metadata = code === '0' ? `,"CallbackMetadata":{"Item":[${items.join(',')}]}` : ''
  const said = JSON.stringify(RESULTS[code] ?? 'Unknown')
  return `{"Body":{"stkCallback":{"MerchantRequestID":"${merchantRequestId}","CheckoutRequestID":"${id}","ResultCode":${code},"ResultDesc":${said}${metadata}}}}`
}

/** Formats `yyyyMMddHHmmss` in East Africa Time. Not shared with the rail's client, so that the simulator can reveal the client's bugs. */
export function eatStamp(at: Date): string {
  const shifted = addMs(at, 3 * 3_600_000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${shifted.getUTCFullYear()}${two(shifted.getUTCMonth() + 1)}${two(shifted.getUTCDate())}`
  return date + two(shifted.getUTCHours()) + two(shifted.getUTCMinutes()) + two(shifted.getUTCSeconds())
}

const randomOf = (ids: Ids): bigint => BigInt(`0x${ids.uuid().replaceAll('-', '').slice(16)}`)

/** Returns the given number of digits from an id's random part. */
export const digits = (ids: Ids, length: number): string =>
  String(randomOf(ids) % 10n ** BigInt(length)).padStart(length, '0')

export const checkoutRequestId = (ids: Ids, at: Date): string => `ws_CO_${eatStamp(at)}${digits(ids, 12)}`

/** Ten capital letters and digits, such as NLJ7RT61SV. */
export const receiptNumber = (ids: Ids): string =>
  `S${randomOf(ids).toString(36).toUpperCase().padStart(13, '0').slice(-9)}`

export const mpesaNetwork = (ids: Ids): Network => ({
  name: 'mpesa',
  title: 'M-PESA',
  callbackKind: 'callback',
  receiptNumber: () => receiptNumber(ids),
  callbackBody,
  callbackUrls: (_, { callbackUrl }) => Promise.resolve([callbackUrl]),
})
