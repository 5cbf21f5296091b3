import { assetOf, currencyOf, scaleOf } from '#money'
import type { Rail } from '#rails/contract'
import type { TransfersConfig } from './config.ts'
import type { MpesaByHand } from './types.ts'

const DAY_MS = 24 * 60 * 60_000
const MOST_UNITS = 1_000_000_000n
const CODE_LENGTH = 10

/**
 * A transfer by hand, to an account that the operator looks after. It has the shape of a rail without a provider: what became of an attempt
 * is said by the payer and decided by a person (`transfers.ts`).
 */
export const createTransferRail = (config: () => TransfersConfig): Rail => ({
  name: 'transfer',
  method: 'transfer',
  get assets() {
    const { instructions, currencies } = config()
    // M-Pesa takes shillings only.
    const taken = currencies.filter((each) => instructions !== undefined || mpesaByHand(config(), each) !== undefined)
    return taken.map(assetOf)
  },
  unavailable: () => {
    const { instructions, mpesaNumber } = config()
    return instructions === undefined && mpesaNumber === undefined
      ? 'TRANSFER_INSTRUCTIONS is not set: it says where payers send the money'
      : undefined
  },
  limits: (asset) => {
    const unit = 10n ** BigInt(scaleOf(asset))
    return { min: unit, max: MOST_UNITS * unit, step: 1n }
  },
  collect: {
    kind: 'transfer',
    needs: [],
    start: async ({ attemptId, amount }) => ({
      kind: 'pending',
      reference: codeOf(attemptId),
      address: instructionsOf(config(), currencyOf(amount.asset)),
    }),
    // Nobody can be asked but a person, who is not waiting for the question.
    check: async ({ attemptId }) => ({ kind: 'pending', reference: codeOf(attemptId) }),
    checkAfterMs: [DAY_MS],
    // A payer who has not said by then that it was sent is no longer waited for. Money that comes later is still credited.
    get lifetimeMs() {
      return config().days * DAY_MS
    },
  },
})

/** The pay bill or till that takes payments by hand from the M-Pesa menu, in shillings only; undefined when none is set. */
export function mpesaByHand(config: TransfersConfig, currency: string): MpesaByHand | undefined {
  const { mpesaNumber: number, mpesaKind: kind, mpesaAccount: account } = config
  if (number === undefined || currency !== 'KES') return undefined
  return { kind, number, account: kind === 'paybill' ? account : undefined }
}

/** Lines of text that say where to send the money. */
function instructionsOf(config: TransfersConfig, currency: string): string {
  const byHand = mpesaByHand(config, currency)
  const lines = [
    ...(config.instructions === undefined ? [] : [config.instructions.replaceAll('\\n', '\n')]),
    ...(byHand ? [`M-Pesa ${byHand.kind === 'till' ? 'till' : 'pay bill'}: ${byHand.number}`] : []),
    ...(byHand?.account === undefined ? [] : [`Account number: ${byHand.account}`]),
  ]
  return lines.join('\n')
}

/** The payment code, which the payer writes on the transfer, `X2M4P-7K3Q9`: the end of the attempt's id, which is random, in letters that are hard to mistake. */
const codeOf = (attemptId: string): string => {
  const end = attemptId.slice(-CODE_LENGTH).toUpperCase()
  return `${end.slice(0, CODE_LENGTH / 2)}-${end.slice(CODE_LENGTH / 2)}`
}

/** As people type it back: any case, with spaces or without the dash. Undefined for what cannot be one. */
export function parseCode(typed: string): string | undefined {
  const bare = typed.toUpperCase().replace(/[\s-]/g, '')
  return /^[0-9A-HJKMNP-TV-Z]{10}$/.test(bare) ? codeOf(bare) : undefined
}
