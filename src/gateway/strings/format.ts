import { currencyOf, formatAmount, money, scaleOf, type Money } from '#money'
import type { Intent } from '#payments'
import { html, type Html } from '#platform/base/html'
import type { Speech } from './strings.ts'

/** `KES 1,500.00`; whole amounts without decimals, as people write them: `KES 1,500`. Never broken over two lines. */
export function showMoney({ asset, amount }: Money): string {
  const [whole = '', fraction = ''] = formatAmount(money(asset, amount)).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  const decimals = scaleOf(asset) > 0 && !/^0*$/.test(fraction) ? `.${fraction}` : ''
  return `${currencyOf(asset)}\u00A0${grouped}${decimals}`
}

export const dueOf = ({ amount, received }: Intent): Money => money(amount.asset, amount.amount - received.amount)

/** A masked number, `2547*****678`, as people write it: `07•• ••• 678`. Read out loud it is the number that ends in 678. */
export function showPhone(masked: string | undefined, speech: Speech): Html {
  const national = (masked ?? '').replace(/^254/, '0').replaceAll('*', '•')
  const spaced = national.replace(/^(.{4})(.{3})(.{3})$/, '$1\u00A0$2\u00A0$3')
  const spoken = speech.say('numberEnding', { end: national.slice(-3).split('').join(' ') })
  return html`<b class="number" aria-hidden="true">${spaced}</b><span class="unseen">${spoken}</span>`
}

/** `254712345678` as people type it: `0712 345 678`. Anything else as it is. */
export const typedPhone = (msisdn: string): string => msisdn.replace(/^254(\d{3})(\d{3})(\d{3})$/, '0$1 $2 $3')

/** `22 Nov 2026, 04:31 EAT`: the time of the place that M-Pesa is in, whoever reads it. */
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

/** `04:31 EAT`. */
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

/** `2:05`: minutes and seconds, rounded up. */
export function showTicking(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Time left in words: it is right without a script too. */
export function showLeft(seconds: number, speech: Speech): string {
  const minutes = Math.max(1, Math.ceil(seconds / 60))
  return minutes <= 60
    ? speech.say('minutesLeft', { m: String(minutes) })
    : speech.say('hoursLeft', { h: String(Math.floor(minutes / 60)), m: String(minutes % 60) })
}

/** The provider's page of a method, inside a sentence: `card page`, `page of Crossmint`. */
export const pageName = (method: string, speech: Speech): string =>
  method === 'card' ? speech.say('cardPage') : speech.say('pageOf', { method: methodName(method, speech, 'sentence') })

/** Brands that are written otherwise than their method's word with a capital. */
const BRANDS: Readonly<Record<string, string>> = { airtel: 'Airtel Money' }

/** The name of a method, as a label or inside a sentence. A brand is the same in all languages. */
export function methodName(method: string, speech: Speech, where: 'label' | 'sentence'): string {
  if (method === 'mpesa') return speech.say('mpesa')
  if (method === 'card') return speech.say(where === 'label' ? 'card' : 'byCard')
  if (method === 'transfer') return speech.say(where === 'label' ? 'transfer' : 'byTransfer')
  if (method === 'balance') return speech.say(where === 'label' ? 'balance' : 'byBalance')
  return BRANDS[method] ?? method.charAt(0).toUpperCase() + method.slice(1)
}
