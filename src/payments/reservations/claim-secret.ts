import { hash } from 'node:crypto'
import { equalSecret, keyedHash, Secret } from '#platform/base/secrets'
import type { RefundRow } from '../store/refunds.ts'

/** Hexadecimal digits of the secret: 160 bits. */
const SECRET_CHARS = 40

/**
 * Derives the secret of a refund link. The key is not in the database, which holds only the hash of the secret. The merchant can see the link
 * while it is valid, and a reader of the database cannot forge one.
 */
export const claimSecret = (key: Buffer, refundId: string): Secret =>
  new Secret(keyedHash(key, `payments.refund-claim\n${refundId}`).slice(0, SECRET_CHARS))

export const claimHashOf = (secret: string): string => hash('sha256', `payments.refund-claim\n${secret}`)

export const isClaimSecret = ({ claimHash }: Pick<RefundRow, 'claimHash'>, given: string): boolean =>
  claimHash !== null && equalSecret(claimHashOf(given), claimHash)
