import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/min'

/** ISO 3166 code of a country, such as `KE`. */
export type Country = CountryCode

interface MobilePlan {
  /** Pattern of the country's mobile numbers, with the country code. */
  readonly form: RegExp
  readonly adjective: string
  readonly examples: string
}

/**
 * Countries whose mobile numbers rails can prompt and pay. The pattern is the range that the regulator reserves for mobile networks, not
 * the prefixes in use: networks open new prefixes before any metadata lists them. Kenya: 07… and 01…, nine digits (Communications
 * Authority).
 */
const MOBILE = {
  KE: { form: /^254[17]\d{8}$/, adjective: 'Kenyan', examples: '0712 345 678 or +254712345678' },
} as const satisfies Partial<Record<Country, MobilePlan>>

/** A country whose mobile numbers Purser can recognise. */
export type MobileCountry = keyof typeof MOBILE

/** Maximum length of a phone number as entered. Leaves room for grouping, a `tel:` link and invisible characters. */
export const MAX_PHONE_LENGTH = 60

/**
 * Parses a phone number as people write and paste it: spaces, dashes, `(0)`, `00254…`, `tel:` links, invisible characters, other digits.
 * @param country country of national numbers such as `0712 345 678`; without it the number must include its country code
 * @returns the number in E.164 without the plus, `254712345678`; undefined when the text is not a phone number
 */
export function parsePhone(text: string, country?: Country): string | undefined {
  return candidatesOf(text, country)[0]
}

/**
 * Parses a mobile number of one country, with that country as the default. Without a country it equals `parsePhone`.
 * @returns the number in E.164 without the plus; undefined when it is not a mobile number of the country
 */
export function parseMobile(text: string, country: MobileCountry | undefined): string | undefined {
  if (country === undefined) return parsePhone(text)
  return candidatesOf(text, country).find((digits) => isMobile(digits, country))
}

/** Returns whether digits in E.164 without the plus are a mobile number of the country. */
export const isMobile = (digits: string, country: MobileCountry): boolean => MOBILE[country].form.test(digits)

/** Returns the rest of the sentence "The phone number …" for a number that `parseMobile` refused. */
export const explainInvalidMobile = (country: MobileCountry | undefined): string =>
  country === undefined
    ? explainInvalidPhone()
    : `is not a ${MOBILE[country].adjective} mobile number. Write it like ${MOBILE[country].examples}.`

/** Returns the rest of the sentence "The phone number …" for a number that `parsePhone` refused. */
export const explainInvalidPhone = (country?: MobileCountry): string =>
  country === undefined
    ? 'is not a phone number with its country code. Write it like +254712345678.'
    : `is not a phone number. Write it like ${MOBILE[country].examples}.`

/** Returns the possible numbers in a text, likeliest first. Digits without a plus may be international or national. */
function candidatesOf(text: string, country: Country | undefined): readonly string[] {
  const cleaned = clean(text)
  if (cleaned === undefined) return []
  const bare = cleaned.replace(/^\+?00{1,2}[\s-]?(?=[1-9])/, '+')
  const national = bare.replace(/^\+(?=[\s(]*0)/, '')
  const international = /^[\s(]*[1-9]/.test(national) ? `+${national}` : national
  const readings = [read(international), country === undefined ? undefined : read(national, country)]
  return readings.filter((digits) => digits !== undefined)
}

/**
 * Checks only the length (`isPossible`). Lists of valid prefixes lag behind what networks issue; the provider refuses unassigned numbers.
 */
function read(text: string, defaultCountry?: Country): string | undefined {
  const options = { extract: false, ...(defaultCountry && { defaultCountry }) }
  const number = parsePhoneNumberFromString(text, options)
  if (!number?.isPossible() || number.ext !== undefined) return undefined
  return number.number.slice(1)
}

const ARABIC_INDIC = 0x0660
const EXTENDED_ARABIC_INDIC = 0x06f0

/**
 * Removes invisible characters and link syntax and converts full-width and Arabic-Indic digits to 0-9. Undefined for too long a text, and for
 * superscript or subscript digits, which are footnotes and not part of a number.
 */
function clean(text: string): string | undefined {
  if (text.length > MAX_PHONE_LENGTH || /[\u00B2\u00B3\u00B9\u2070-\u209F]/.test(text)) return undefined
  return text
    .normalize('NFKC')
    .replaceAll(/[\p{Cf}\p{Cc}]/gu, '')
    .replaceAll(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - ARABIC_INDIC))
    .replaceAll(/[۰-۹]/g, (digit) => String(digit.charCodeAt(0) - EXTENDED_ARABIC_INDIC))
    .trim()
    .replace(/^tel:(?:\/\/)?(.*)$/i, (_, link: string) => readLink(link))
    .replaceAll(/^[\s,.;:]+|[\s,.;:]+$/g, '')
}

/** Extracts the number from a `tel:` link (RFC 3966). */
const readLink = (link: string): string =>
  link
    .replace(/;phone-context=[^;]*/i, '')
    .replaceAll(/%2b/gi, '+')
    .replaceAll(/%20/g, ' ')
