import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchContext } from './result.ts'
import { spawnServer } from './server.ts'
import { benchHeaders, benchSettings } from './sides.ts'
import type { Target } from './loads.ts'
import { until } from './until.ts'

/**
 * Starts the program of a checkout in the sandbox, as in production, with an embedded database of its own in `dataDir`. Relies only on
 * `bin/purser.js start`, the settings' names and /health, so that the checkout may have any layout. Stops it after the benchmark.
 */
export async function startProgram(
  context: Pick<BenchContext, 'defer'>,
  checkout: string,
  { dataDir, ...settings }: { dataDir: string } & Readonly<Record<string, string>>,
): Promise<Target> {
  context.defer(() => stopPostgresIn(dataDir))
  const { url } = await spawnServer({
    node: nodeOf(checkout),
    args: [join(checkout, 'bin/purser.js'), 'start'],
    env: { ...benchSettings, ...settings, DATA_DIR: dataDir },
    defer: context.defer,
  })
  return { url, headers: benchHeaders }
}

/** Returns the Node that the checkout's packages bring, or the one that runs this where they bring none for this platform. */
function nodeOf(checkout: string): string {
  const packaged = join(checkout, `node_modules/node-${process.platform}-${process.arch}/bin/node`)
  return existsSync(packaged) ? packaged : process.execPath
}

/** Stops a PostgreSQL that a killed program left running in its data folder. */
async function stopPostgresIn(dataDir: string): Promise<void> {
  for (const path of globSync('**/postmaster.pid', { cwd: dataDir })) {
    const pid = Number(readFileSync(join(dataDir, path), 'utf8').split('\n')[0])
    if (!isAlive(pid)) continue
    // Fast shutdown.
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
