import { createBase58check, hex } from '@scure/base'
import { HDKey } from '@scure/bip32'
import { Address as AddressCoder, OutScript, p2tr, p2wpkh } from '@scure/btc-signer'
import { createHash } from 'node:crypto'
import { descriptorChecksum } from './checksum.ts'
import { PARAMETERS, type Network } from './networks.ts'

export type AddressKind = 'wpkh' | 'tr'

export interface Address {
  readonly address: string
  /** Output script, hex. */
  readonly script: string
}

/** A public account key: derives addresses, cannot spend. */
export interface Account {
  readonly kind: AddressKind
  readonly network: Network
  /** Identifies the key without revealing it. Address indexes count per id. */
  readonly id: string
  /** Output descriptor with checksum, for nodes and wallets. */
  readonly descriptor: string
  /** Returns the address at an index from 0 to 2^31 − 1. Throws RangeError outside this range. */
  addressAt(index: number): Address
}

export interface AccountOptions {
  readonly network: Network
  /** Address type for a bare xpub or tpub, which does not state one. */
  readonly kind?: AddressKind
}

const PUBLIC = { main: 0x0488b21e, test: 0x043587cf } as const
/** Version bytes of public keys (SLIP-132): network, and address type. */
const VERSIONS: Readonly<Record<number, { net: 'main' | 'test'; kind?: AddressKind }>> = {
  [PUBLIC.main]: { net: 'main' },
  [PUBLIC.test]: { net: 'test' },
  0x04b24746: { net: 'main', kind: 'wpkh' },
  0x045f1cf6: { net: 'test', kind: 'wpkh' },
}
const PRIVATE =
  'is a private key, which Purser never accepts. Remove it from wherever you pasted it, and set the public account key (xpub, zpub, or a descriptor)'
const FORM = /^(?:\[([0-9a-fA-F]{8})((?:\/\d{1,10}['hH]?)*)\])?([1-9A-HJ-NP-Za-km-z]{100,115})((?:\/[^/]+)*)$/
const base58 = createBase58check((bytes: Uint8Array) => createHash('sha256').update(bytes).digest())
const MAX_INDEX = 0x7fffffff

/**
 * Parses an xpub, tpub, zpub or vpub, optionally with `[fingerprint/path]` before it, or a descriptor `wpkh(…)` or `tr(…)`. Otherwise returns a
 * sentence about the problem. The sentence never quotes the input, which may be a private key.
 */
export function parseAccount(text: string, { network, kind }: AccountOptions): Account | { problem: string } {
  const given = text.trim()
  if (looksPrivate(given)) return { problem: PRIVATE }
  if (!/^[\x20-\x7e]{1,400}$/.test(given)) return { problem: 'contains characters that no key has' }
  const descriptor = /^(wpkh|tr)\((.*)\)(?:#(.*))?$/.exec(given)
  const [, wrapper, inner = given, checksum] = descriptor ?? []
  if (checksum !== undefined && descriptorChecksum(given.slice(0, given.lastIndexOf('#'))) !== checksum)
    return { problem: 'is a descriptor whose checksum is wrong: copy it again' }
  const match = FORM.exec(inner)
  if (!match) return { problem: 'must be an xpub, zpub, tpub, vpub, or a descriptor wpkh(…/0/*) or tr(…/0/*)' }
  const [, fingerprint, origin = '', extended = '', path = ''] = match
  const key = readKey(extended, network)
  if ('problem' in key) return key
  const chosen = (wrapper as AddressKind | undefined) ?? key.kind ?? kind ?? 'wpkh'
  if (key.kind && chosen !== key.kind) return { problem: `is a key for ${key.kind}, not for ${chosen}` }
  const steps = readPath(path, wrapper !== undefined)
  if (!steps) return { problem: 'must end in a path without hardened steps and a star, such as /0/*' }
  const source = fingerprint ? `[${fingerprint.toLowerCase()}${origin.replaceAll(/['H]/g, 'h')}]` : ''
  return accountOf({ key: key.node, kind: chosen, network, steps, source })
}

interface Parts {
  readonly key: HDKey
  readonly kind: AddressKind
  readonly network: Network
  /** Derivation path from the key to its chain of addresses. */
  readonly steps: readonly number[]
  /** `[fingerprint/path]` of the key, or an empty string. */
  readonly source: string
}

function accountOf({ key, kind, network, steps, source }: Parts): Account {
  const chain = steps.reduce((parent, step) => parent.deriveChild(step), key)
  const text = `${kind}(${source}${key.publicExtendedKey}${steps.map((step) => `/${step}`).join('')}/*)`
  return {
    kind,
    network,
    id: `${kind}-${createHash('sha256').update(chain.publicExtendedKey).digest('hex').slice(0, 16)}`,
    descriptor: `${text}#${descriptorChecksum(text)}`,
    addressAt: (index) => addressOf(chain, index, kind, network),
  }
}

/** Whether the text contains a private extended key, or is a WIF key or a seed phrase. */
const looksPrivate = (text: string): boolean =>
  /[a-zA-Z]prv/.test(text) ||
  /^[5KL9c][1-9A-HJ-NP-Za-km-z]{50,51}$/.test(text) ||
  /^(?:[a-z]{3,8}\s+){11,23}[a-z]{3,8}$/.test(text)

interface ReadKey {
  readonly node: HDKey
  readonly kind?: AddressKind
}

function readKey(extended: string, network: Network): ReadKey | { problem: string } {
  let bytes: Uint8Array
  try {
    bytes = base58.decode(extended)
  } catch {
    return { problem: 'is mistyped: its checksum is wrong' }
  }
  if (bytes.length !== 78) return { problem: 'is not an extended public key' }
  if (bytes[45] === 0) return { problem: PRIVATE }
  const version = VERSIONS[Buffer.from(bytes).readUInt32BE(0)]
  if (!version)
    return { problem: 'must be an xpub, zpub, tpub or vpub: other kinds (ypub, multisig) are not supported' }
  if ((version.net === 'main') !== (network === 'main'))
    return {
      problem: `is a key of ${version.net === 'main' ? 'the main network' : 'a test network'}, not of ${network}`,
    }
  const plain = Buffer.from(bytes)
  plain.writeUInt32BE(PUBLIC[version.net], 0)
  try {
    const versions = { private: version.net === 'main' ? 0x0488ade4 : 0x04358394, public: PUBLIC[version.net] }
    return { node: HDKey.fromExtendedKey(base58.encode(plain), versions), ...version }
  } catch {
    return { problem: 'is not a valid extended public key' }
  }
}

/** Returns the derivation steps before the star. A bare key gets the receiving chain, /0/*. Takes the first of `<0;1>`. */
function readPath(path: string, isDescriptor: boolean): number[] | undefined {
  if (path === '') return isDescriptor ? undefined : [0]
  const parts = path.slice(1).split('/')
  if (parts.pop() !== '*') return undefined
  const steps = parts.map((part) => /^(?:<(\d{1,10})(?:;\d{1,10})+>|(\d{1,10}))$/.exec(part))
  const numbers = steps.map((step) => Number(step?.[1] ?? step?.[2] ?? Number.NaN))
  return numbers.every((step) => step <= MAX_INDEX) ? numbers : undefined
}

function addressOf(chain: HDKey, index: number, kind: AddressKind, network: Network): Address {
  if (!Number.isSafeInteger(index) || index < 0 || index > MAX_INDEX)
    throw new RangeError('the address index must be a whole number from 0 to 2^31 - 1')
  const { publicKey } = chain.deriveChild(index)
  if (!publicKey) throw new RangeError('no key at this index')
  const payment =
    kind === 'wpkh' ? p2wpkh(publicKey, PARAMETERS[network]) : p2tr(publicKey.slice(1), undefined, PARAMETERS[network])
  if (!payment.address) throw new RangeError('no address at this index')
  return { address: payment.address, script: hex.encode(payment.script) }
}

/** Returns the output script (hex) of an address of this network. Throws on anything else. */
export const scriptOf = (address: string, network: Network): string =>
  hex.encode(OutScript.encode(AddressCoder(PARAMETERS[network]).decode(address)))
