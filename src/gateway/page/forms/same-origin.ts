import type { Request } from '#platform/web/http'

/**
 * Returns whether a form was sent from the desk's own pages. Another site must not make a visitor's browser prompt phones. Browsers send the
 * origin of a form; other clients are limited by address.
 */
export function isSameOrigin({ headers }: Request, publicUrl: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin } = headers
  if (origin === undefined) return true
  const host = URL.parse(origin)?.host
  return host !== undefined && (host === headers.host || host === URL.parse(publicUrl)?.host)
}
