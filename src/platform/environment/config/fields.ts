import { isIP } from 'node:net'
import { z } from 'zod'

/** Schema of a whole number in a range. */
export const integer = (min: number, max: number) =>
  z.coerce.number(`a whole number from ${min} to ${max}`).int(`a whole number from ${min} to ${max}`).min(min).max(max)

/** Schema of an http URL, without trailing slashes. */
export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'a URL that starts with https:// or http://' })
  .transform(trimTrailingSlashes)

function trimTrailingSlashes(url: string): string {
  return url.replace(/\/+$/, '')
}

const NAMED_NETWORKS = ['loopback', 'linklocal', 'uniquelocal']
const isNetwork = (text: string): boolean => NAMED_NETWORKS.includes(text) || isIP(text.replace(/\/\d{1,3}$/, '')) !== 0

/** Fastify's `trustProxy` option: `false`, the number of proxies, or their addresses. */
export const trustProxy = z
  .string()
  .refine(
    (text) => text === 'none' || /^\d$/.test(text) || text.split(',').every((part) => isNetwork(part.trim())),
    'none, the number of proxies (1 to 9), or their addresses: 10.0.0.0/8,loopback',
  )
  .transform((text) => {
    if (text === 'none' || text === '0') return false
    return /^\d$/.test(text) ? Number.parseInt(text, 10) : text.split(',').map((part) => part.trim())
  })
  .default(false)

export const timeZone = z.string().refine((name) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}, 'a time zone such as Africa/Nairobi')

/** List of origins, separated by commas. Each is exactly what a browser sends as `Origin`. */
export const origins = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine(
    (all) => all.every(isOrigin),
    'origins such as https://shop.example, separated by commas: scheme and host, without a path',
  )
  .default([])

function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text
}
