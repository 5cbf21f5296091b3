import type { Request } from '#platform/web/http'

/** Another site must not make a visitor's browser prompt phones. Browsers say where a form comes from; others are limited by address. */
export function isSameOrigin({ headers }: Request, publicUrl: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin } = headers
  if (origin === undefined) return true
  const host = URL.parse(origin)?.host
  return host !== undefined && (host === headers.host || host === URL.parse(publicUrl)?.host)
}
