import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { kill, notLinux, unreadable } from '../process.ts'
import { waitFor } from '../wait.ts'

const POSTGRES = '/usr/lib/postgresql'
const PROGRAMS = {
  pgbouncer: '/usr/sbin/pgbouncer',
  haproxy: '/usr/sbin/haproxy',
  'redis-server': '/usr/bin/redis-server',
} as const
const STOP_LIMIT_MS = 20_000

const findPostgres = (): string | undefined => {
  if (!existsSync(POSTGRES)) return undefined
  const isComplete = (version: string): boolean => existsSync(join(POSTGRES, version, 'bin/pg_basebackup'))
  const [oldest] = readdirSync(POSTGRES)
    .filter((version) => Number(version) >= 15 && isComplete(version))
    .toSorted((a, b) => Number(a) - Number(b))
  return oldest === undefined ? undefined : join(POSTGRES, oldest, 'bin')
}

const missing = [
  ...(findPostgres() === undefined ? ['postgresql'] : []),
  ...Object.entries(PROGRAMS).flatMap(([name, path]) => (existsSync(path) ? [] : [name])),
]

/** Skip reason: names what this machine lacks. */
export const serversMissing: string | false =
  notLinux || (missing.length > 0 && `not installed: ${missing.join(', ')} (Debian packages)`) || unreadable

/** Returns the path of a program of Debian's PostgreSQL, such as `initdb`. */
export function pathOfPostgres(name: string): string {
  const folder = findPostgres()
  if (folder === undefined) throw new Error('PostgreSQL is not installed: check serversMissing first')
  return join(folder, name)
}

export const pathOf = (name: keyof typeof PROGRAMS): string => PROGRAMS[name]

/** PostgreSQL and PgBouncer refuse to run as root, so root starts them as `postgres`. Undefined for other users. */
const postgresAccount = (): { uid: number; gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** Creates a folder that the account of the servers may write. */
export function createServerFolder(path: string): string {
  mkdirSync(path, { mode: 0o700 })
  const account = postgresAccount()
  if (account) chownSync(path, account.uid, account.gid)
  return path
}

/** Runs a program of PostgreSQL to its end. Throws with its output. */
export function runPostgresProgram(name: string, args: readonly string[]): void {
  execFileSync(pathOfPostgres(name), args, {
    ...postgresAccount(),
    cwd: '/',
    stdio: 'pipe',
    env: { PATH: '/usr/bin', LC_ALL: 'C.UTF-8' },
  })
}

/** A running server program. */
export interface Server {
  readonly pid: number
  output(): string
  /** Sends a signal and waits for the end of the process. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

export interface ServerOptions {
  readonly name: string
  readonly args: readonly string[]
  /** Folder of its log. */
  readonly folder: string
  /** Runs as `postgres` when this process is root. */
  readonly unprivileged?: boolean
}

/** Starts a server program. Its output goes to `<folder>/<name>.log`. */
export function startServer(program: string, { name, args, folder, unprivileged = false }: ServerOptions): Server {
  const logFile = join(folder, `${name}.log`)
  const log = openSync(logFile, 'a')
  const child = spawn(program, args, {
    ...(unprivileged && postgresAccount()),
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', log, log],
  })
  const exited = once(child, 'exit')
  return {
    pid: child.pid ?? 0,
    output: () => readFileSync(logFile, 'utf8'),
    stop: async (signal = 'SIGTERM') => {
      if (hasEnded(child)) return
      kill(child.pid ?? 0, signal)
      const timer = setTimeout(() => kill(child.pid ?? 0, 'SIGKILL'), STOP_LIMIT_MS)
      await exited
      clearTimeout(timer)
    },
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

/** Waits until `probe` succeeds. Throws with the end of the server's log. */
export async function waitForServer(server: Server, what: string, probe: () => Promise<unknown>): Promise<void> {
  const isUp = (): Promise<boolean> =>
    probe().then(
      () => true,
      () => false,
    )
  await waitFor(what, isUp, STOP_LIMIT_MS).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${server.output().slice(-2000)}`)
  })
}

/** Returns free ports on loopback. They are reserved together, so that they differ. */
export async function findFreePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(probes.map((probe) => once(probe, 'listening')))
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port)
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))))
  return ports
}
