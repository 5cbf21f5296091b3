import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchContext } from './result.ts'
import { spawnServer } from './server.ts'
import { benchHeaders, benchSettings, stopPostgresIn } from './sides.ts'
import type { Target } from './loads.ts'

/**
 * Starts the program of a checkout in the sandbox, as in production, with its own embedded database in `dataDir`. Relies only on
 * `bin/purser.js start`, setting names and /health, so the checkout may have any layout. Stops the program after the benchmark.
 */
export async function startProgram(
  context: Pick<BenchContext, 'defer'>,
  checkout: string,
  { dataDir, ...settings }: { dataDir: string } & Readonly<Record<string, string>>,
): Promise<Target> {
  context.defer(() => stopPostgresIn(dataDir))
  const { url } = await spawnServer({
    node: findNode(checkout),
    args: [join(checkout, 'bin/purser.js'), 'start'],
    env: { ...benchSettings, ...settings, DATA_DIR: dataDir },
    defer: context.defer,
  })
  return { url, headers: benchHeaders }
}

/** Returns the path of Node in the checkout's packages. Falls back to the Node of this process when they have none for this platform. */
function findNode(checkout: string): string {
  const packaged = join(checkout, `node_modules/node-${process.platform}-${process.arch}/bin/node`)
  return existsSync(packaged) ? packaged : process.execPath
}
