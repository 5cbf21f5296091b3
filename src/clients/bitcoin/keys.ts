import { createBase58check, hex } from '@scure/base'
import { HDKey } from '@scure/bip32'
import { Address as AddressCoder, OutScript, p2tr, p2wpkh } from '@scure/btc-signer'
import { createHash } from 'node:crypto'
import { descriptorChecksum } from './checksum.ts'
import { PARAMETERS, type Network } from './networks.ts'

export type AddressKind = 'wpkh' | 'tr'

export interface Address {
  readonly address: string
  /** The output script, hex. */
  readonly script: string
}

/** A public account key: gives addresses, can spend nothing. */
export interface Account {
  readonly kind: AddressKind
  readonly network: Network
  /** Tells one key from another without telling the key: what address indexes count in. */
  readonly id: string
  /** With checksum, as nodes and wallets read it. */
  readonly descriptor: string
  /** Index from 0 to 2^31 − 1. */
  addressAt(index: number): Address
}

export interface AccountOptions {
  readonly network: Network
  /** For a bare xpub or tpub, which does not say it. */
  readonly kind?: AddressKind
}

const PUBLIC = { main: 0x0488b21e, test: 0x043587cf } as const
/** Version bytes of public keys (SLIP-132): which net, and what addresses they stand for. */
const VERSIONS: Readonly<Record<number, { net: 'main' | 'test'; kind?: AddressKind }>> = {
  [PUBLIC.main]: { net: 'main' },
  [PUBLIC.test]: { net: 'test' },
  0x04b24746: { net: 'main', kind: 'wpkh' },
  0x045f1cf6: { net: 'test', kind: 'wpkh' },
}
const PRIVATE =
  'is a private key. Purser never takes one: take it back out of wherever you pasted it, and give the public account key (xpub, zpub, or a descriptor)'
const FORM = /^(?:\[([0-9a-fA-F]{8})((?:\/\d{1,10}['hH]?)*)\])?([1-9A-HJ-NP-Za-km-z]{100,115})((?:\/[^/]+)*)$/
const base58 = createBase58check((bytes: Uint8Array) => createHash('sha256').update(bytes).digest())
const MAX_INDEX = 0x7fffffff

/**
 * Reads xpub, tpub, zpub, vpub, the same with `[fingerprint/path]` before it, or a descriptor `wpkh(…)`, `tr(…)`. Gives a sentence that says
 * what is wrong otherwise, which never quotes what was given: it may be a private key.
 */
export function parseAccount(text: string, { network, kind }: AccountOptions): Account | { problem: string } {
  const given = text.trim()
  if (looksPrivate(given)) return { problem: PRIVATE }
  if (!/^[\x20-\x7e]{1,400}$/.test(given)) return { problem: 'holds characters that no key has' }
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
  /** From the key to its chain of addresses. */
  readonly steps: readonly number[]
  /** `[fingerprint/path]` of the key, or nothing. */
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

/** A private extended key anywhere in the text, a WIF key, or the words of a seed. */
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

/** The steps before the star; a bare key gets the receiving chain, /0/*. `<0;1>` takes the first. */
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
    throw new RangeError('an address index that cannot be')
  const { publicKey } = chain.deriveChild(index)
  if (!publicKey) throw new RangeError('no key at this index')
  const payment =
    kind === 'wpkh' ? p2wpkh(publicKey, PARAMETERS[network]) : p2tr(publicKey.slice(1), undefined, PARAMETERS[network])
  if (!payment.address) throw new RangeError('no address at this index')
  return { address: payment.address, script: hex.encode(payment.script) }
}

/** The output script (hex) of an address of this network. Throws on anything else. */
export const scriptOf = (address: string, network: Network): string =>
  hex.encode(OutScript.encode(AddressCoder(PARAMETERS[network]).decode(address)))
