import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { waitFor } from './wait.ts'

const ROOT = '/usr/lib/postgresql'

/** Finds the programs of an installed PostgreSQL, the oldest supported version first. */
function findPrograms(): string | undefined {
  if (!existsSync(ROOT)) return undefined
  const versions = readdirSync(ROOT).filter(
    (version) => Number(version) >= 15 && existsSync(join(ROOT, version, 'bin/initdb')),
  )
  const [oldest] = versions.toSorted((a, b) => Number(a) - Number(b))
  return oldest === undefined ? undefined : join(ROOT, oldest, 'bin')
}

export const postgresMissing = findPrograms() === undefined && 'no PostgreSQL of the system on this machine'

export interface OwnPostgres extends AsyncDisposable {
  /** URL for an ordinary role that may create roles and owns the database. */
  readonly url: string
  readonly version: string
}

/** Opens an external PostgreSQL: the system's programs, on a separate socket. */
export async function openOwnPostgres(): Promise<OwnPostgres> {
  const programs = findPrograms()
  if (!programs) throw new Error('no system PostgreSQL: check postgresMissing first')
  const folder = mkdtempSync(join(tmpdir(), 'pg-'))
  const account = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined
  if (account) chownSync(folder, account.uid, account.gid)
  chmodSync(folder, 0o755)
  const data = join(folder, 'data')
  execFileSync(join(programs, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync'], {
    ...account,
    stdio: 'ignore',
  })
  const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off'].flatMap((one) => ['-c', one])
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...settings], { ...account, stdio: 'ignore', cwd: '/' })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  const admin = await waitFor('PostgreSQL of the system', async () => {
    const client = new pg.Client({ host: folder, user: 'postgres', database: 'postgres' })
    return client.connect().then(
      () => client,
      () => undefined,
    )
  })
  const { rows } = await admin.query<{ server_version: string }>('show server_version')
  await admin.query('create role shop login createrole')
  await admin.query('create database purser owner shop')
  await admin.end()
  return {
    url: `postgres://shop@localhost/purser?host=${encodeURIComponent(folder)}`,
    version: rows[0]?.server_version ?? '',
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGQUIT')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const idOf = (what: '-u' | '-g'): number => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }))
