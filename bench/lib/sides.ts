import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { findPostgres } from '#platform/database/postgres'
import { postgresUrl } from '#platform/database/url'
import type { BenchContext } from './result.ts'
import { programPath, repositoryPath, spawnServer } from './server.ts'
import { until } from './until.ts'

/** One of the compared programs: a separate process with its own embedded PostgreSQL. */
export interface Side {
  readonly url: string
  readonly pid: number
  readonly headers: Readonly<Record<string, string>>
  /** Runs a statement on its database and returns the rows. */
  ask<Row extends object>(text: string): Promise<Row[]>
}

/** Starts the floor, bench/floor/insert.ts: Fastify without a logger and one prepared INSERT. */
export const startFloor = (context: BenchContext): Promise<Side> =>
  start(context, [join(repositoryPath, 'bench/floor/insert.ts')])

const KEY = 'sk_test_bench'

/** Headers of a request to a program that was started with `benchSettings`. */
export const benchHeaders = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' } as const

/** Settings of the program under load. One API key sends all requests, so its rate limit is raised. */
export const benchSettings = { PURSER_SANDBOX_KEY: KEY, API_REQUESTS_PER_MINUTE: '100000000' } as const

/** Starts the real program in the sandbox, as in production: log files, no terminal. */
export const startPurser = (context: BenchContext, env: Readonly<Record<string, string>> = {}): Promise<Side> =>
  start(context, [programPath, 'start'], { ...benchSettings, ...env })

/**
 * Starts the real program with its own PostgreSQL, reached by DATABASE_URL, which INSTANCE_TYPE=web or worker needs. The PostgreSQL has the
 * settings of the embedded one.
 */
export async function startPurserByUrl(
  context: BenchContext,
  env: Readonly<Record<string, string>> = {},
): Promise<Side> {
  const { owner } = await context.startPostgres()
  const settings = { ...benchSettings, DATA_DIR: context.makeFolder(), DATABASE_URL: postgresUrl(owner), ...env }
  const { url, pid } = await spawnServer({ args: [programPath, 'start'], env: settings, defer: context.defer })
  return { url, pid, headers: benchHeaders, ask: (text) => ask(owner, text) }
}

async function start(
  context: BenchContext,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Side> {
  const dataDir = context.makeFolder()
  context.defer(() => stopPostgresIn(dataDir))
  const { url, pid } = await spawnServer({ args, env: { DATA_DIR: dataDir, ...env }, defer: context.defer })
  const { owner } = await describeDatabase(context, dataDir)
  return { url, pid, headers: benchHeaders, ask: (text) => ask(owner, text) }
}

/**
 * Waits for all resources, also when one fails to open: an earlier cleanup would miss resources that open later. Throws the first failure.
 */
export async function openAll<T extends readonly unknown[] | []>(
  opening: T,
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  await Promise.allSettled(opening)
  return Promise.all(opening)
}

type Server = NonNullable<Awaited<ReturnType<typeof findPostgres>>>

/** Returns the PostgreSQL of a started program and sets its version in the description of the machine. */
export async function describeDatabase(context: BenchContext, dataDir: string): Promise<Server> {
  const server = await findPostgres(dataDir)
  if (!server) throw new Error(`No PostgreSQL runs in ${dataDir}.`)
  const [row] = await ask<{ server_version: string }>(server.owner, 'show server_version')
  context.describePostgres(row?.server_version ?? '')
  return server
}

async function ask<Row extends object>(connection: pg.ClientConfig, text: string): Promise<Row[]> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** Stops a PostgreSQL that a killed or crashed program left running in its data folder. */
export async function stopPostgresIn(dataDir: string): Promise<void> {
  for (const path of globSync('**/postmaster.pid', { cwd: dataDir })) {
    const pid = Number(readFileSync(join(dataDir, path), 'utf8').split('\n')[0])
    if (!isAlive(pid)) continue
    // SIGINT is PostgreSQL's fast shutdown.
    process.kill(pid, 'SIGINT')
    await until(() => !isAlive(pid), `PostgreSQL ${pid} stops`)
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch {
    return false
  }
}
