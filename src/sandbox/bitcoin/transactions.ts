import { createHash } from 'node:crypto'
import { hex } from '@scure/base'
import { Address, OutScript, RawTx } from '@scure/btc-signer'

export interface Input {
  readonly txid: string
  readonly vout: number
  readonly sequence: number
}

export interface Output {
  readonly sats: bigint
  /** Hex. */
  readonly script: string
}

export interface Transaction {
  readonly txid: string
  /** Empty for a coinbase transaction. */
  readonly inputs: readonly Input[]
  readonly outputs: readonly Output[]
  readonly hex: string
}

const REGTEST = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef }
const MAIN = { bech32: 'bc', pubKeyHash: 0x00, scriptHash: 0x05, wif: 0x80 }
const COINBASE_TXID = '00'.repeat(32)
const COINBASE_VOUT = 0xffffffff

/** Builds a real transaction without signatures, because the simulated node does not check ownership. */
export function buildTransaction(inputs: readonly Input[], outputs: readonly Output[]): Transaction {
  const bytes = encode(
    inputs.map((input) => ({ ...input, scriptSig: '' })),
    outputs,
  )
  return { txid: txidOf(bytes), inputs, outputs, hex: hex.encode(bytes) }
}

/** Builds a coinbase transaction. The height in its input makes the transaction id unique per block. */
export function buildCoinbase(height: number, nonce: number, outputs: readonly Output[]): Transaction {
  const scriptSig = Buffer.alloc(8)
  scriptSig.writeUInt32LE(height, 0)
  scriptSig.writeUInt32LE(nonce, 4)
  const input = { txid: COINBASE_TXID, vout: COINBASE_VOUT, sequence: 0xffffffff, scriptSig: scriptSig.toString('hex') }
  const bytes = encode([input], outputs)
  return { txid: txidOf(bytes), inputs: [], outputs, hex: hex.encode(bytes) }
}

/** A transaction as the library parses it. Its types do not cover the script bytes. */
interface Raw {
  readonly version: number
  readonly lockTime: number
  readonly inputs: readonly { txid: Uint8Array; index: number; finalScriptSig: Uint8Array; sequence: number }[]
  readonly outputs: readonly { amount: bigint; script: Uint8Array }[]
}

/** Throws when the text is not a transaction. */
export function readTransaction(text: string): Transaction {
  const { inputs, outputs, ...rest }: Raw = RawTx.decode(hex.decode(text))
  const bytes = RawTx.encode({ ...rest, segwitFlag: false, witnesses: [], inputs: [...inputs], outputs: [...outputs] })
  if (inputs.length === 0) throw new RangeError('no inputs')
  return {
    txid: txidOf(bytes),
    inputs: inputs.map(({ txid, index: vout, sequence }) => ({ txid: hex.encode(txid), vout, sequence })),
    outputs: outputs.map(({ amount: sats, script }) => ({ sats, script: hex.encode(script) })),
    hex: text.toLowerCase(),
  }
}

function encode(inputs: readonly (Input & { scriptSig: string })[], outputs: readonly Output[]): Uint8Array {
  return RawTx.encode({
    version: 2,
    segwitFlag: false,
    inputs: inputs.map(({ txid, vout, sequence, scriptSig }) => ({
      txid: hex.decode(txid),
      index: vout,
      finalScriptSig: hex.decode(scriptSig),
      sequence,
    })),
    outputs: outputs.map(({ sats, script }) => ({ amount: sats, script: hex.decode(script) })),
    witnesses: [],
    lockTime: 0,
  })
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** Returns the double SHA-256 in reversed byte order. */
export const txidOf = (bytes: Uint8Array): string => Buffer.from(sha256(sha256(bytes)).toReversed()).toString('hex')

/** Returns the script of a regtest or mainnet address. Throws for any other text. */
export function scriptOf(address: string): string {
  const isMain = /^(?:bc1|[13])/i.test(address)
  return hex.encode(OutScript.encode(Address(isMain ? MAIN : REGTEST).decode(address)))
}

export function addressOf(script: string): string | undefined {
  try {
    return Address(REGTEST).encode(OutScript.decode(hex.decode(script)))
  } catch {
    return undefined
  }
}

export const outpoint = ({ txid, vout }: { txid: string; vout: number }): string => `${txid}:${vout}`
