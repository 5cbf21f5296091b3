import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { createServerFolder, findFreePorts, pathOf, startServer, waitForServer } from './cluster/programs.ts'

/** PgBouncer before one database. It knows the users of its list only. */
export interface Pgbouncer extends AsyncDisposable {
  readonly port: number
  /** Adds a line `"user" "password"` to the user list, as an administrator does, and reloads it. */
  addUser(line: string): Promise<void>
}

export interface PgbouncerOptions {
  readonly databasePort: number
  readonly mode: 'session' | 'transaction'
  /** Lines of the user list. */
  readonly users: readonly string[]
  /** Server connections per user. */
  readonly poolSize?: number
  /** User of all server connections, whoever the client is. Default: the client's user. */
  readonly forcedUser?: string
}

/** Starts PgBouncer. Check `serversMissing` first. */
export async function openPgbouncer(folder: string, options: PgbouncerOptions): Promise<Pgbouncer> {
  const { databasePort, mode, poolSize = 10, forcedUser } = options
  const [port = 0] = await findFreePorts(1)
  const home = createServerFolder(join(folder, `pgbouncer-${port}`))
  const [list, file] = [join(home, 'users.txt'), join(home, 'pgbouncer.ini')]
  let users = options.users
  const writeUsers = (): void => writeFileSync(list, users.map((line) => `${line}\n`).join(''), { mode: 0o644 })
  writeUsers()
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: list,
    pool_mode: mode,
    default_pool_size: poolSize,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  const user = forcedUser === undefined ? '' : ` user=${forcedUser}`
  const databases = `[databases]\n* = host=127.0.0.1 port=${databasePort}${user}\n`
  writeFileSync(file, `${databases}[pgbouncer]\n${lines.join('\n')}\n`, { mode: 0o644 })
  const args = [file]
  const server = startServer(pathOf('pgbouncer'), { name: `pgbouncer-${port}`, args, folder, unprivileged: true })
  await waitForServer(server, 'PgBouncer to listen', async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
  })
  return {
    port,
    addUser: (line) => {
      users = [...users, line]
      writeUsers()
      process.kill(server.pid, 'SIGHUP')
      return Promise.resolve()
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}
