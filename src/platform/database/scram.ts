import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

const ITERATIONS = 4096
const SALT_BYTES = 16
const KEY_BYTES = 32

/**
 * Returns the SCRAM-SHA-256 verifier of a password, in the form that PostgreSQL stores and that `create role … password` accepts. A statement
 * with the verifier keeps the password itself out of the server's log. The password must be ASCII.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(SALT_BYTES)): string {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, KEY_BYTES, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(hmac('Client Key')).digest()
  const parts = [salt, stored, hmac('Server Key')].map((part) => part.toString('base64'))
  return `SCRAM-SHA-256$${ITERATIONS}:${parts[0] ?? ''}$${parts[1] ?? ''}:${parts[2] ?? ''}`
}
