import type { AddressInfo } from 'node:net'
import { AppError } from '../../base/errors.ts'
import type { HttpServer } from './types.ts'

/** Listens, or throws `platform.port` with one line that says what to do. Port 0 takes a free one. */
export async function listen(http: HttpServer, { host, port }: { host: string; port: number }): Promise<void> {
  try {
    await http.listen({ host, port })
  } catch (error) {
    const why = WHY[error instanceof Error && 'code' in error ? String(error.code) : '']
    if (!why) throw error
    throw new AppError('platform.port', 500, `Port ${port} on ${host} ${why}`, { cause: error })
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is used by another program: set PORT to another, or stop that program.',
  EACCES: 'may not be used by this user: set PORT to one above 1023.',
  EADDRNOTAVAIL: 'is not an address of this machine: set HOST to one that is.',
  ENOTFOUND: 'is not an address: set HOST to one of this machine.',
}

/**
 * Where the server listens, as this machine reaches it; without a slash at the end. Until it does it is where it was told to listen: a command
 * names the address of the program that runs.
 */
export function ownUrl(http: HttpServer, told: { host: string; port: number }): () => string {
  let known: string | undefined
  // Kept, because to ask the system for a socket's address costs as much as to render an answer.
  return () => known ?? (http.server.listening ? (known = addressOf(http, told)) : addressOf(http, told))
}

function addressOf(http: HttpServer, { host, port }: { host: string; port: number }): string {
  const address = http.server.address() as AddressInfo | null
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${address?.port ?? port}`
}
