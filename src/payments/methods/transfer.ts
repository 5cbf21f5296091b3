import { TRANSFER_RAIL, type ManualMpesa } from './types.ts'
import { assetOf, currencyOf, scaleOf } from '#money'
import type { Rail } from '#rails/contract'
import type { TransfersConfig } from './config.ts'

const DAY_MS = 24 * 60 * 60_000
const MAX_UNITS = 1_000_000_000n
const CODE_LENGTH = 10

/**
 * Creates the rail of manual transfers to an account of the operator. It has no provider: the payer declares a transfer as sent, and an
 * operator confirms or rejects it (`transfers.ts`).
 */
export const createTransferRail = (config: () => TransfersConfig): Rail => ({
  name: TRANSFER_RAIL,
  method: 'transfer',
  get assets() {
    const { instructions, currencies } = config()
    // M-Pesa accepts shillings only.
    const taken = currencies.filter(
      (each) => instructions !== undefined || findManualMpesa(config(), each) !== undefined,
    )
    return taken.map(assetOf)
  },
  unavailable: () => {
    const { instructions, mpesaNumber } = config()
    return instructions === undefined && mpesaNumber === undefined
      ? 'TRANSFER_INSTRUCTIONS is not set. Set it to the account that payers send money to.'
      : undefined
  },
  limits: (asset) => {
    const unit = 10n ** BigInt(scaleOf(asset))
    return { min: unit, max: MAX_UNITS * unit, step: 1n }
  },
  collect: {
    kind: 'transfer',
    needs: [],
    start: async ({ attemptId, amount }) => ({
      kind: 'pending',
      reference: codeOf(attemptId),
      address: instructionsOf(config(), currencyOf(amount.asset)),
    }),
    // There is no provider to poll; an operator decides.
    check: async ({ attemptId }) => ({ kind: 'pending', reference: codeOf(attemptId) }),
    checkAfterMs: [DAY_MS],
    // After this time an undeclared transfer ends. Money that arrives later is still credited.
    get lifetimeMs() {
      return config().days * DAY_MS
    },
  },
})

/** Returns the pay bill or till for payments from the M-Pesa menu, in shillings only; undefined when none is set. */
export function findManualMpesa(config: TransfersConfig, currency: string): ManualMpesa | undefined {
  const { mpesaNumber: number, mpesaKind: kind, mpesaAccount: account } = config
  if (number === undefined || currency !== 'KES') return undefined
  return { kind, number, account: kind === 'paybill' ? account : undefined }
}

/** Renders the instructions as lines of text. */
function instructionsOf(config: TransfersConfig, currency: string): string {
  const manualMpesa = findManualMpesa(config, currency)
  const lines = [
    ...(config.instructions === undefined ? [] : [config.instructions.replaceAll('\\n', '\n')]),
    ...(manualMpesa ? [`M-Pesa ${manualMpesa.kind === 'till' ? 'till' : 'pay bill'}: ${manualMpesa.number}`] : []),
    ...(manualMpesa?.account === undefined ? [] : [`Account number: ${manualMpesa.account}`]),
  ]
  return lines.join('\n')
}

/**
 * Derives the payment code that the payer writes on the transfer, such as `X2M4P-7K3Q9`. It is the end of the attempt's id, which is random
 * and has no letters that look alike.
 */
const codeOf = (attemptId: string): string => {
  const end = attemptId.slice(-CODE_LENGTH).toUpperCase()
  return `${end.slice(0, CODE_LENGTH / 2)}-${end.slice(CODE_LENGTH / 2)}`
}

/** Parses a typed payment code: any case, with spaces, or without the dash. Returns undefined when the text is not a code. */
export function parseCode(typed: string): string | undefined {
  const bare = typed.toUpperCase().replace(/[\s-]/g, '')
  return /^[0-9A-HJKMNP-TV-Z]{10}$/.test(bare) ? codeOf(bare) : undefined
}
