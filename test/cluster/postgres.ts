import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { kill } from '../process.ts'
import { waitFor } from '../wait.ts'
import {
  createServerFolder,
  findFreePorts,
  pathOfPostgres,
  runPostgresProgram,
  startServer,
  waitForServer,
} from './programs.ts'

/** Debian's PostgreSQL in a folder. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number
  /** Runs a statement as superuser over the unix socket, past every proxy. */
  query<T extends object>(text: string, values?: readonly unknown[], database?: string): Promise<T[]>
  /** Runs a statement in a transaction that stays open. Returns the function that ends it. */
  hold(text: string, database: string): Promise<() => Promise<void>>
  /** Ends all processes of the server at once, as a power cut does. */
  kill(): Promise<void>
  /** Creates a standby that streams from this server, and makes each commit wait for it. */
  addStandby(): Promise<PostgresServer>
  /** Makes a standby the primary. Resolves when it accepts writes. */
  promote(): Promise<void>
}

/** Superuser of the servers. The socket needs no password, so only the account of the test reaches it. */
const ADMIN = 'postgres'
const SETTINGS = ['max_connections=100', 'shared_buffers=64MB', 'max_wal_size=1GB', 'wal_keep_size=64MB']

/** Creates a PostgreSQL that asks for passwords on TCP, and starts it. */
export async function openPostgres(folder: string, name = 'primary'): Promise<PostgresServer> {
  const home = createServerFolder(join(folder, name))
  const data = join(home, 'data')
  const auth = ['--auth-local=trust', '--auth-host=scram-sha-256']
  runPostgresProgram('initdb', ['-D', data, '-U', ADMIN, ...auth, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'])
  return startPostgres(folder, name)
}

async function startPostgres(folder: string, name: string): Promise<PostgresServer> {
  const home = join(folder, name)
  const data = join(home, 'data')
  const [port = 0] = await findFreePorts(1)
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${home}`, ...SETTINGS]
  const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]
  const server = startServer(pathOfPostgres('postgres'), { name, args, folder, unprivileged: true })
  const openClient = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: home, port, user: ADMIN, database })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  const query: PostgresServer['query'] = async (text, values = [], database = ADMIN) => {
    const client = await openClient(database)
    try {
      const { rows } = await client.query(text, [...values])
      return rows
    } finally {
      await client.end()
    }
  }
  await waitForServer(server, `${name} to accept connections`, () => query('select 1'))
  return {
    port,
    query,
    hold: async (text, database) => {
      const client = await openClient(database)
      await client.query('begin')
      await client.query(text)
      return () => client.end()
    },
    kill: async () => {
      for (const pid of [server.pid, ...childrenOf(server.pid)]) kill(pid, 'SIGKILL')
      await server.stop('SIGKILL')
    },
    addStandby: () => addStandby(folder, { query, socket: home, port }),
    promote: async () => {
      await query('select pg_promote(wait => true)')
      await waitFor('the standby to accept writes', async () => {
        const [row] = await query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
        return row?.standby === false
      })
    },
    // An immediate shutdown: it waits neither for clients nor for a standby.
    [Symbol.asyncDispose]: () => server.stop('SIGQUIT'),
  }
}

interface Source extends Pick<PostgresServer, 'query' | 'port'> {
  readonly socket: string
}

async function addStandby(folder: string, primary: Source): Promise<PostgresServer> {
  const home = createServerFolder(join(folder, 'standby'))
  const source = `host=${primary.socket} port=${primary.port} user=${ADMIN} application_name=standby`
  runPostgresProgram('pg_basebackup', ['-d', source, '-D', join(home, 'data'), '-R', '-X', 'stream', '-c', 'fast'])
  const standby = await startPostgres(folder, 'standby')
  await primary.query("alter system set synchronous_standby_names = 'standby'")
  await primary.query('select pg_reload_conf()')
  await waitFor('the standby to be synchronous', async () => {
    const rows = await primary.query("select from pg_stat_replication where sync_state = 'sync'")
    return rows.length === 1
  })
  return standby
}

/** Lists the child processes: each session of PostgreSQL is one. */
function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => parentOf(pid) === parent)
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

/** Creates the roles and the database of Purser, and the role with which PgBouncer looks up passwords. */
export async function createPurserDatabase(primary: PostgresServer, password: string): Promise<void> {
  await primary.query(`create role purser login createrole password '${password}'`)
  await primary.query('create database purser owner purser')
  await primary.query(`create role pgbouncer login password '${password}'`)
  await primary.query('grant select on pg_shadow to pgbouncer', [], 'purser')
}
