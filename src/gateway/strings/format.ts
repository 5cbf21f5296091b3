import { currencyOf, formatAmount, money, scaleOf, type Money } from '#money'
import type { Intent } from '#payments'
import { html, type Html } from '#platform/base/html'
import type { Speech } from './strings.ts'

/** Formats an amount as `KES 1,500.50`. Whole amounts have no decimals: `KES 1,500`. A no-break space keeps it on one line. */
export function showMoney({ asset, amount }: Money): string {
  const [whole = '', fraction = ''] = formatAmount(money(asset, amount)).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  const decimals = scaleOf(asset) > 0 && !/^0*$/.test(fraction) ? `.${fraction}` : ''
  return `${currencyOf(asset)}\u00A0${grouped}${decimals}`
}

/** Returns the amount of the payment minus the money received. It is negative for an overpayment. */
export const dueOf = ({ amount, received }: Intent): Money => money(amount.asset, amount.amount - received.amount)

/** Renders a masked number such as `2547*****678` as `07•• ••• 678`. Screen readers read its last digits. */
export function showPhone(masked: string | undefined, speech: Speech): Html {
  const national = (masked ?? '').replace(/^254/, '0').replaceAll('*', '•')
  const spaced = national.replace(/^(.{4})(.{3})(.{3})$/, '$1\u00A0$2\u00A0$3')
  const spoken = speech.say('numberEnding', { end: national.slice(-3).split('').join(' ') })
  return html`<b class="number" aria-hidden="true">${spaced}</b><span class="unseen">${spoken}</span>`
}

/** Formats `254712345678` as people type it: `0712 345 678`. Returns other numbers unchanged. */
export const typedPhone = (msisdn: string): string => msisdn.replace(/^254(\d{3})(\d{3})(\d{3})$/, '0$1 $2 $3')

/** Formats a time as `22 Nov 2026, 04:31 EAT`. It is always East Africa Time, the time zone of M-Pesa. */
export function showTime(at: Date, { language }: Speech): string {
  const locale = language === 'sw' ? 'sw-KE' : 'en-KE'
  const form = new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
    timeZone: 'Africa/Nairobi',
  })
  return `${form.format(at)} EAT`
}

/** Formats a time of day as `04:31 EAT`. */
export function showClock(at: Date, { language }: Speech): string {
  const locale = language === 'sw' ? 'sw-KE' : 'en-KE'
  const form = new Intl.DateTimeFormat(locale, {
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
    timeZone: 'Africa/Nairobi',
  })
  return `${form.format(at)}\u00A0EAT`
}

/** Formats milliseconds as minutes and seconds, rounded up: `2:05`. */
export function showCountdown(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Returns the time left in words, in whole minutes. It needs no script. */
export function showTimeLeft(seconds: number, speech: Speech): string {
  const minutes = Math.max(1, Math.ceil(seconds / 60))
  return minutes <= 60
    ? speech.say('minutesLeft', { m: String(minutes) })
    : speech.say('hoursLeft', { h: String(Math.floor(minutes / 60)), m: String(minutes % 60) })
}

/** Returns the name of a method's provider page for use inside a sentence: `card page`, `page of Crossmint`. */
export const pageName = (method: string, speech: Speech): string =>
  method === 'card' ? speech.say('cardPage') : speech.say('pageOf', { method: methodName(method, speech, 'sentence') })

/** Brand names that differ from the capitalised name of their method. */
const BRANDS: Readonly<Record<string, string>> = { airtel: 'Airtel Money' }

/** Returns the name of a method, as a label or inside a sentence. Brands are the same in all languages. */
export function methodName(method: string, speech: Speech, where: 'label' | 'sentence'): string {
  if (method === 'mpesa') return speech.say('mpesa')
  if (method === 'card') return speech.say(where === 'label' ? 'card' : 'byCard')
  if (method === 'transfer') return speech.say(where === 'label' ? 'transfer' : 'byTransfer')
  if (method === 'balance') return speech.say(where === 'label' ? 'balance' : 'byBalance')
  return BRANDS[method] ?? method.charAt(0).toUpperCase() + method.slice(1)
}
