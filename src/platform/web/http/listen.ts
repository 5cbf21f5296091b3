import type { AddressInfo } from 'node:net'
import { AppError } from '../../base/errors.ts'
import type { HttpServer } from './types.ts'

/** Starts to listen. Throws `platform.port` with one line that says what to do. Port 0 selects a free port. */
export async function listen(http: HttpServer, { host, port }: { host: string; port: number }): Promise<void> {
  try {
    await http.listen({ host, port })
  } catch (error) {
    const why = LISTEN_ERRORS[error instanceof Error && 'code' in error ? String(error.code) : '']
    if (!why) throw error
    throw new AppError('platform.port', 500, `Port ${port} on ${host} ${why}`, { cause: error })
  }
}

const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is used by another program. Set PORT to another port, or stop that program.',
  EACCES: 'is not allowed for this user. Set PORT to a port above 1023.',
  EADDRNOTAVAIL: 'is not an address of this machine. Set HOST to an address of this machine.',
  ENOTFOUND: 'cannot be resolved. Set HOST to an address of this machine.',
}

/**
 * Returns a function with the URL at which this machine reaches the server, without a trailing slash. Before the server listens it uses the
 * configured host and port, so that a CLI command prints the URL of the running program.
 */
export function createLocalUrl(http: HttpServer, configured: { host: string; port: number }): () => string {
  let cached: string | undefined
  // Cache the URL: asking the system for the address of a socket costs as much as rendering a response.
  return () => cached ?? (http.server.listening ? (cached = formatUrl(http, configured)) : formatUrl(http, configured))
}

function formatUrl(http: HttpServer, { host, port }: { host: string; port: number }): string {
  const address = http.server.address() as AddressInfo | null
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${address?.port ?? port}`
}
