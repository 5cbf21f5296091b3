import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchContext } from './result.ts'
import { spawnServer } from './server.ts'
import { benchHeaders, benchSettings, stopPostgresIn } from './sides.ts'
import type { Target } from './loads.ts'

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
