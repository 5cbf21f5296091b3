import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathOf, createServerFolder, findFreePorts, startServer, waitForServer, type Server } from './programs.ts'

/** A server on a fixed port that can be stopped and started again. */
export interface Restartable extends AsyncDisposable {
  readonly port: number
  start(): Promise<void>
  stop(signal?: NodeJS.Signals): Promise<void>
}

async function requireConnection(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
}

function createRestartable(port: number, name: string, run: () => Server): Restartable {
  let server: Server | undefined
  const stop = async (signal?: NodeJS.Signals): Promise<void> => {
    await server?.stop(signal)
    server = undefined
  }
  return {
    port,
    start: async () => {
      server = run()
      await waitForServer(server, `${name} to listen`, () => requireConnection(port))
    },
    stop,
    [Symbol.asyncDispose]: () => stop(),
  }
}

/** Reads a configuration file of this folder and replaces its ports and paths. Throws when one does not occur. */
function readTemplate(file: string, values: Readonly<Record<string, string>>): string {
  let text = readFileSync(new URL(file, import.meta.url), 'utf8')
  for (const [from, to] of Object.entries(values)) {
    if (!text.includes(from)) throw new Error(`${file} does not contain: ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

export async function createRedis(folder: string): Promise<Restartable> {
  const [port = 0] = await findFreePorts(1)
  const settings = { port: String(port), bind: '127.0.0.1', save: '', appendonly: 'no', dir: folder }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  return createRestartable(port, 'Redis', () => startServer(pathOf('redis-server'), { name: 'redis', args, folder }))
}

/** Creates HAProxy on a fixed port before the web instances. */
export function createHaproxy(folder: string, port: number, webPorts: readonly number[]): Restartable {
  const file = join(folder, 'haproxy.cfg')
  const servers = webPorts.map((webPort, i) => [`127.0.0.1:${3001 + i}`, `127.0.0.1:${webPort}`])
  const ports = { '127.0.0.1:3000': `127.0.0.1:${port}`, ...Object.fromEntries(servers) }
  writeFileSync(file, readTemplate('haproxy.cfg', ports))
  const options = { name: 'haproxy', args: ['-db', '-f', file], folder }
  return createRestartable(port, 'HAProxy', () => startServer(pathOf('haproxy'), options))
}

/** Creates PgBouncer in transaction mode before a database port. */
export async function createPgbouncer(
  folder: string,
  { databasePort, password }: { databasePort: number; password: string },
): Promise<Restartable> {
  const [port = 0] = await findFreePorts(1)
  const home = createServerFolder(join(folder, 'pgbouncer'))
  const users = join(home, 'userlist.txt')
  writeFileSync(users, `"pgbouncer" "${password}"\n`, { mode: 0o644 })
  const file = join(home, 'pgbouncer.ini')
  const values = {
    'port=5432': `port=${databasePort}`,
    'listen_port = 6432': `listen_port = ${port}`,
    '/etc/pgbouncer/userlist.txt': users,
  }
  writeFileSync(file, readTemplate('pgbouncer.ini', values), { mode: 0o644 })
  const options = { name: 'pgbouncer', args: [file], folder, unprivileged: true }
  return createRestartable(port, 'PgBouncer', () => startServer(pathOf('pgbouncer'), options))
}
