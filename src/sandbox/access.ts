import type { Reply, Request } from '#platform/web/http'
import { equalSecret, type Secret } from '#platform/base/secrets'

export type Gate = (request: Request, reply: Reply) => Promise<void>

/**
 * Creates the password check (Basic authentication, any user name) of a sandbox that other machines can reach: everyone with access can
 * "pay". Without a password access is open. The simulated APIs use their own keys instead.
 */
export function createGate(password: Secret | undefined): Gate {
  return async (request, reply) => {
    if (!password) return
    const [, encoded = ''] = /^Basic (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
    const given = Buffer.from(encoded, 'base64').toString('utf8')
    if (equalSecret(given.slice(given.indexOf(':') + 1), password.reveal())) return
    await reply
      .status(401)
      .header('www-authenticate', 'Basic realm="Purser sandbox", charset="UTF-8"')
      .type('text/plain; charset=utf-8')
      .send('This sandbox requires a password. Purser printed it at start.\n')
  }
}
