import { AppError } from '#platform/base/errors'

export type BitcoinErrorCode =
  | 'bitcoin.rejected'
  | 'bitcoin.unauthorized'
  | 'bitcoin.unavailable'
  | 'bitcoin.warming-up'
  | 'bitcoin.syncing'
  | 'bitcoin.wrong-chain'
  | 'bitcoin.too-old'
  | 'bitcoin.bad-answer'
  | 'bitcoin.pruned'

interface Details {
  /** Whether the node may have acted on the request. */
  maybeActed?: boolean
  /** The node's own error code, such as -26. */
  rpcCode?: number | undefined
  cause?: unknown
}

/** Error response of a node, a missing response, or an unsuitable node (wrong chain, syncing, too old). Contains no secret. */
export class BitcoinError extends AppError {
  declare readonly code: BitcoinErrorCode
  readonly maybeActed: boolean
  readonly rpcCode: number | undefined

  constructor(code: BitcoinErrorCode, message: string, { maybeActed = false, rpcCode, cause }: Details = {}) {
    super(code, 502, `Bitcoin node: ${message}`, { cause })
    this.maybeActed = maybeActed
    this.rpcCode = rpcCode
  }
}
