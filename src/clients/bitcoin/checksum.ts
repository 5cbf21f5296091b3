const INPUT = `0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH\`#"\\ `
const OUTPUT = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn]

/** Returns the eight checksum characters after `#` of an output descriptor (BIP380). Throws RangeError on a character that no descriptor has. */
export function descriptorChecksum(descriptor: string): string {
  const symbols: number[] = []
  let groups: number[] = []
  for (const char of descriptor) {
    const value = INPUT.indexOf(char)
    if (value < 0) throw new RangeError('not a descriptor')
    symbols.push(value & 31)
    groups.push(value >> 5)
    if (groups.length === 3) {
      symbols.push((groups[0] ?? 0) * 9 + (groups[1] ?? 0) * 3 + (groups[2] ?? 0))
      groups = []
    }
  }
  if (groups.length === 1) symbols.push(groups[0] ?? 0)
  if (groups.length === 2) symbols.push((groups[0] ?? 0) * 3 + (groups[1] ?? 0))
  const sum = polymod([...symbols, 0, 0, 0, 0, 0, 0, 0, 0]) ^ 1n
  return Array.from({ length: 8 }, (_, i) => OUTPUT[Number((sum >> BigInt(5 * (7 - i))) & 31n)]).join('')
}

function polymod(symbols: readonly number[]): bigint {
  let sum = 1n
  for (const symbol of symbols) {
    const top = sum >> 35n
    sum = ((sum & 0x7ffffffffn) << 5n) ^ BigInt(symbol)
    for (const [i, value] of GENERATOR.entries()) if ((top >> BigInt(i)) & 1n) sum ^= value
  }
  return sum
}
