import { hash } from 'node:crypto'
import { equalSecret, keyedHash, Secret } from '#platform/base/secrets'
import type { RefundRow } from '../store/refunds.ts'

/** 160 bits. */
const SECRET_CHARS = 40

/**
 * The secret of a refund's link. It follows from a key that is not in the database, where only its hash is: so the merchant can be shown the link
 * for as long as it is good, and whoever reads the database cannot make one.
 */
export const claimSecret = (key: Buffer, refundId: string): Secret =>
  new Secret(keyedHash(key, `payments.refund-claim\n${refundId}`).slice(0, SECRET_CHARS))

export const claimHashOf = (secret: string): string => hash('sha256', `payments.refund-claim\n${secret}`)

export const isClaimSecret = ({ claimHash }: Pick<RefundRow, 'claimHash'>, given: string): boolean =>
  claimHash !== null && equalSecret(claimHashOf(given), claimHash)
