import { readdirSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPostgres, startPostgres } from '#platform/database/postgres'

/** No test data outlives its run, so writes need not reach the disk. */
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' }
const PREFIX = 'purser-run-'

/** PostgreSQL server that all tests of a run share. */
export interface TestServer {
  /** Value of PURSER_TEST_POSTGRES: both connections as JSON. */
  readonly connections: string
  /** Stops the server and removes its folder. Idempotent. */
  stop(): Promise<void>
}

/** Starts the PostgreSQL of a run in a temporary folder. Throws when it does not start. */
export async function startTestServer(): Promise<TestServer> {
  await removeLeftovers()
  const dataDir = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`))
  const remove = (): void => rmSync(dataDir, { recursive: true, force: true })
  try {
    const postgres = await startPostgres({ dataDir, settings: SETTINGS })
    let stopping: Promise<void> | undefined
    const { owner, app } = postgres
    return { connections: JSON.stringify({ owner, app }), stop: () => (stopping ??= postgres.stop().then(remove)) }
  } catch (error) {
    remove()
    throw error
  }
}

/** Removes servers and folders of runs that were killed. The folder's name contains the run's process id. */
async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    if (isAlive(Number(name.slice(PREFIX.length).split('-')[0]))) continue
    const dataDir = join(tmpdir(), name)
    try {
      if (await findPostgres(dataDir)) await (await startPostgres({ dataDir })).stop()
      rmSync(dataDir, { recursive: true, force: true })
    } catch {
      // The folder belongs to another user, or another run removes it now.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
