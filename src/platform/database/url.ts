import { readFileSync } from 'node:fs'
import type { ClientConfig } from 'pg'
import { AppError, describeError } from '../base/errors.ts'

/** A connection from a URL. */
export interface UrlConnection extends ClientConfig {
  /** TLS parameters of the URL as a query string, so that the connection can be rendered as a URL again. */
  readonly tlsParameters: string
}

const TLS_PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation']

/**
 * Parses the URL of a database into connection parameters. Time-outs, application names and other parameters of the URL are ignored, because
 * Purser sets them itself. Throws `platform.bad-config` when a certificate cannot be read; `name` is the setting in that message.
 * @returns the connections to try in this order: `sslmode=prefer` and `allow` have two
 */
export function parseDatabaseUrl(name: string, text: string): UrlConnection[] {
  const url = new URL(text)
  const given = url.searchParams
  const port = given.get('port') ?? url.port
  const part = (value: string | null): string | undefined => value || undefined
  const common: ClientConfig = {
    user: part(given.get('user') ?? decodeURIComponent(url.username)),
    password: part(given.get('password') ?? decodeURIComponent(url.password)),
    host: part(given.get('host') ?? decodeURIComponent(url.hostname.replace(/^\[(.+)\]$/, '$1'))),
    port: port === '' ? undefined : Number(port),
    database: part(given.get('dbname') ?? decodeURIComponent(url.pathname.slice(1))),
    options: part(given.get('options')),
  }
  const tls = new Map(TLS_PARAMETERS.flatMap((key) => (given.get(key) ? [[key, given.get(key) ?? '']] : [])))
  return modesOf(tls, given.get('ssl')).map((mode) => ({
    ...withoutUndefined(common),
    ssl: tlsOf(name, mode, tls),
    ...(tls.get('sslnegotiation') === 'direct' && { sslnegotiation: 'direct' }),
    tlsParameters: new URLSearchParams([...(mode === 'disable' ? tls : new Map(tls).set('sslmode', mode))]).toString(),
  }))
}

const withoutUndefined = (config: ClientConfig): ClientConfig =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))

/** Returns the modes to try. libpq tries TLS first for `prefer` and last for `allow`. A URL without `sslmode` uses no TLS. */
function modesOf(tls: ReadonlyMap<string, string>, ssl: string | null): string[] {
  const mode = tls.get('sslmode')
  if (mode === 'prefer') return ['require', 'disable']
  if (mode === 'allow') return ['disable', 'require']
  if (mode === 'no-verify' || ssl === 'no-verify') return ['require']
  if (mode !== undefined) return [tls.get('sslrootcert') === 'system' ? 'verify-full' : mode]
  return [ssl === 'true' || ssl === '1' || tls.size > 0 ? 'verify-full' : 'disable']
}

/** Returns the TLS options of a mode, as libpq defines it: `require` checks the certificate only when `sslrootcert` is given. */
function tlsOf(name: string, mode: string, tls: ReadonlyMap<string, string>): ClientConfig['ssl'] {
  if (mode === 'disable') return false
  const read = (key: string): string | undefined => readCertificate(name, key, tls.get(key))
  const [ca, cert, key] = [read('sslrootcert'), read('sslcert'), read('sslkey')]
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  if (mode === 'verify-full') return files
  // Checks the chain, but not the name of the host.
  if (ca) return { ...files, checkServerIdentity: () => undefined }
  if (mode === 'require') return { ...files, rejectUnauthorized: false }
  throw badUrl(`${name} has sslmode=verify-ca without sslrootcert. Add the file of the authority, or use verify-full.`)
}

function readCertificate(name: string, key: string, path: string | undefined): string | undefined {
  if (path === undefined || path === 'system') return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw badUrl(`${name} has ${key}=${path}, which cannot be read: ${describeError(error)}.`)
  }
}

const badUrl = (message: string): AppError => new AppError('platform.bad-config', 500, message)

/**
 * Returns the connection with another login. A role in its start-up options is removed, because it would replace the login's own role.
 */
export function withLogin(
  connection: UrlConnection,
  { user, password }: { user: string | undefined; password: string | undefined },
): UrlConnection {
  const { options, user: _, password: __, ...rest } = connection
  const kept = options?.replaceAll(/(-c\s*|--)(role|session_authorization)\s*=\s*\S+/gi, '').trim()
  return { ...rest, ...(user && { user }), ...(password && { password }), ...(kept && { options: kept }) }
}

/** Renders a connection as a URL for pg, libpq and compatible clients. The URL contains the password. */
export function postgresUrl(c: ClientConfig & { tlsParameters?: string }): string {
  const password = typeof c.password === 'string' ? `:${encodeURIComponent(c.password)}` : ''
  const login = c.user === undefined ? '' : `${encodeURIComponent(c.user)}${password}@`
  const query = [c.tlsParameters, c.options && `options=${encodeURIComponent(c.options)}`].filter(Boolean).join('&')
  const host = encodeURIComponent(c.host ?? 'localhost')
  return `postgresql://${login}${host}:${c.port ?? 5432}/${encodeURIComponent(c.database ?? '')}${query && `?${query}`}`
}
