import { type LookupFunction, isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { FetchError } from './errors.ts'

const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Whether the address belongs to one host on the public internet. Not to this machine, its networks, many hosts, or nobody; and not to
 * a translator (NAT64, 6to4, Teredo) that would hand it on to such an address.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  // Unwraps IPv4-mapped IPv6, ::ffff:127.0.0.1.
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST_V6)
}

const WELL_KNOWN_PORTS = new Set(['', '80', '443'])
const FIRST_USER_PORT = 1024

/** Why a URL given by others is not called, as a sentence; undefined when it may be. Names are decided when they are connected to. */
export function refusalOf(url: URL, httpsOnly: boolean): string | undefined {
  if (url.protocol !== 'https:' && (httpsOnly || url.protocol !== 'http:')) return `must start with https://`
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password'
  if (!WELL_KNOWN_PORTS.has(url.port) && Number(url.port) < FIRST_USER_PORT)
    return 'must use port 443, 80, or one from 1024'
  // The URL parser has turned odd notations (0x7f.1, 2130706433) into plain ones. No name is looked up for these, so they are decided here.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !isPublicAddress(host)) return 'must not lead to a private or local address'
  return undefined
}

/** Whether the URL is http(s) on this machine by its very text: `localhost` or a loopback address, which no name server can move. */
export function isLoopbackUrl({ protocol, hostname, username, password }: URL): boolean {
  if (!['http:', 'https:'].includes(protocol) || username !== '' || password !== '') return false
  const host = hostname.replace(/^\[|\]$/g, '')
  return host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback')
}

/**
 * A lookup for the moment of connecting: gives only public addresses, so that a name cannot first show a public address and then
 * another. One forbidden address among several refuses the name.
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
    `${hostname} leads to a private or local address: only public ones are called.`,
    false,
  )
