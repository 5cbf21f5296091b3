import { readdirSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPostgres, startPostgres } from '#platform/database/postgres'

/** Nothing of a test outlives its run, so nothing waits for the disk. */
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' }
const PREFIX = 'purser-run-'

/** The one PostgreSQL of a run. */
export interface TestServer {
  /** For PURSER_TEST_POSTGRES: both connections as JSON. */
  readonly connections: string
  /** Stops the server and removes its folder. May be called again. */
  stop(): Promise<void>
}

export async function startTestServer(): Promise<TestServer> {
  await sweep()
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

/** What runs that were killed outright left behind: their folder names tell their process ids. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    if (isAlive(Number(name.slice(PREFIX.length).split('-')[0]))) continue
    const dataDir = join(tmpdir(), name)
    try {
      if (await findPostgres(dataDir)) await (await startPostgres({ dataDir })).stop()
      rmSync(dataDir, { recursive: true, force: true })
    } catch {
      // Another user's, or another run is at it.
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
