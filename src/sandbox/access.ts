import type { Reply, Request } from '#platform/web/http'
import { equalSecret, type Secret } from '#platform/base/secrets'

export type Gate = (request: Request, reply: Reply) => Promise<void>

/**
 * Asks for the password (any user name) by Basic authentication, for a sandbox that others can reach: whoever gets in can "pay". Without a
 * password everybody may pass. The simulated APIs have keys of their own and stand outside.
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
      .send('This sandbox asks for its password: Purser printed it when it started.\n')
  }
}
