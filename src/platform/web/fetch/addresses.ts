import { type LookupFunction, isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { FetchError } from './errors.ts'

const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Returns whether the address is a single public host. False for this machine, private networks, multicast and unassigned addresses, and
 * for translators (NAT64, 6to4, Teredo) that could forward to such an address.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  // process() unwraps IPv4-mapped IPv6 addresses such as ::ffff:127.0.0.1.
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST_V6)
}

const WELL_KNOWN_PORTS = new Set(['', '80', '443'])
const FIRST_USER_PORT = 1024

/** Returns why an untrusted URL must not be called, as the end of a sentence. Undefined when it may be. Host names are checked at connect time. */
export function refusalOf(url: URL, httpsOnly: boolean): string | undefined {
  if (url.protocol !== 'https:' && (httpsOnly || url.protocol !== 'http:')) return `must start with https://`
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password'
  if (!WELL_KNOWN_PORTS.has(url.port) && Number(url.port) < FIRST_USER_PORT)
    return 'must use port 443, 80, or a port from 1024'
  // The URL parser normalises notations such as 0x7f.1 and 2130706433. IP addresses need no DNS lookup, so check them here.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !isPublicAddress(host)) return 'must not point to a private or local address'
  return undefined
}

/** Returns whether the URL is http(s) with host `localhost` or a loopback address. DNS cannot redirect these. */
export function isLoopbackUrl({ protocol, hostname, username, password }: URL): boolean {
  if (!['http:', 'https:'].includes(protocol) || username !== '' || password !== '') return false
  const host = hostname.replace(/^\[|\]$/g, '')
  return host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback')
}

/**
 * Wraps a DNS lookup so that it returns only public addresses. It runs at connect time, so a name cannot pass the check with a public
 * address and then resolve to a private one (DNS rebinding). One forbidden address refuses the name.
 */
export const publicOnly =
  (lookup: LookupFunction): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = Array.isArray(found) ? found : [{ address: found, family: isIP(found) }]
      const [first] = addresses
      if (error) callback(error, '')
      else if (!first || !addresses.every(({ address }) => isPublicAddress(address))) callback(forbidden(hostname), '')
      else if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }

const forbidden = (hostname: string): FetchError =>
  new FetchError(
    'fetch.forbidden-address',
    `${hostname} resolves to a private or local address. Use a host with a public address.`,
    false,
  )
