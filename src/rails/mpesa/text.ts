/**
 * Text for the payer's SMS in the few characters that Daraja takes: accents are taken off, anything else outside ASCII letters, digits
 * and simple marks is dropped, and it ends with a whole character at `length`.
 */
export function shortText(length: number, ...candidates: readonly string[]): string {
  for (const text of candidates) {
    const clean = text
      .normalize('NFKD')
      .replaceAll(/\p{M}/gu, '')
      .replaceAll(/[^A-Za-z0-9 .-]+/g, ' ')
      .replaceAll(/ +/g, ' ')
      .trim()
      .slice(0, length)
      .trim()
    if (clean !== '') return clean
  }
  return 'Payment'.slice(0, length)
}
