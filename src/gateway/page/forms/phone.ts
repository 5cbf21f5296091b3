/**
 * A Kenyan mobile number as people type it (`0712 345 678`, `+254 712-345678`, `712345678`) as an MSISDN, `254712345678`;
 * undefined when it is none. Only the forms 2547XXXXXXXX and 2541XXXXXXXX exist.
 */
export function parseKenyanPhone(text: string): string | undefined {
  const digits = text.replace(/[\s().+-]/g, '')
  const national = /^(?:254|0)?([17]\d{8})$/.exec(digits)?.[1]
  return national === undefined ? undefined : `254${national}`
}
