/**
 * Returns text for the payer's SMS in the characters that Daraja accepts. Removes accents, replaces everything else outside ASCII letters,
 * digits, dots and hyphens by spaces, and cuts at `length`. Uses the first candidate that is not empty afterwards, otherwise "Payment".
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
