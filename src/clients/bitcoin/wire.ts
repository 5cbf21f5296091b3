import { z } from 'zod'
import { btcAmount } from './amounts.ts'

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const height = z.int().nonnegative()
const index = z.int().nonnegative()

export const hashShape = hash
export const chainShape = z.object({
  chain: z.string(),
  blocks: height,
  headers: height,
  bestblockhash: hash,
  initialblockdownload: z.boolean(),
})
export const headerShape = z.object({ hash, height, time: z.int(), mediantime: z.int() })
export const versionShape = z.object({ version: z.int() })
/** The node lists spends too; only receives are used. */
export const activityShape = z.object({
  activity: z.array(
    z.discriminatedUnion('type', [
      z.object({
        type: z.literal('receive'),
        amount: btcAmount,
        txid: hash,
        vout: index,
        blockhash: hash.optional(),
        height: height.optional(),
        output_spk: z.object({ hex: z.string() }),
      }),
      z.object({ type: z.literal('spend') }),
    ]),
  ),
})
export const transactionShape = z.object({
  txid: hash,
  vin: z.array(
    z.object({
      coinbase: z.string().optional(),
      txid: hash.optional(),
      vout: index.optional(),
      sequence: z.int(),
    }),
  ),
})
export const mempoolEntryShape = z.object({
  ancestorcount: z.int(),
  'bip125-replaceable': z.boolean().optional(),
})
export const spendersShape = z.array(z.object({ txid: hash, vout: index, spendingtxid: hash.optional() }))
export const coinShape = z.object({ confirmations: z.int(), coinbase: z.boolean(), value: btcAmount }).nullable()
export const feeShape = z.object({ feerate: btcAmount.optional() })
export const mempoolShape = z.object({ mempoolminfee: btcAmount, minrelaytxfee: btcAmount })
export const zmqShape = z.array(z.object({ type: z.string(), address: z.string() }))
export const acceptShape = z.array(
  z.object({ txid: hash.optional(), allowed: z.boolean().optional(), 'reject-reason': z.string().optional() }),
)
