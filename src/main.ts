import { createApp, schemasOf } from './app.ts'
import { loadAppConfig } from './foundation.ts'
import { systemClock } from '#platform/base/clock'
import { processSources } from '#platform/environment/config'
import { openDatabase, prepareDatabase } from '#platform/process/startup'
import { waitForShutdown } from '#platform/process/shutdown'
import { createLog } from '#platform/observe/log'
import { makeDataFolder } from '#platform/database/postgres'
import { packageVersion } from '#platform/base/version'
import { greet } from './welcome.ts'

const LOST = 'PostgreSQL is gone, or another process has taken over the data folder: this one ends at once.'

/** Runs Purser until it is asked to end: config → database → app → drain. */
export async function main(): Promise<void> {
  const sources = processSources()
  const asked = waitForShutdown(sources)
  const loaded = loadAppConfig(sources)
  const config = loaded.config.platform
  const { appVersion: version = packageVersion, logLevel: level, logDir: dir, nodeEnv } = config
  // First of all: made on the way to the log folder it would be open to the group.
  makeDataFolder(config.dataDir)
  const log = createLog({ level, dir, console: nodeEnv !== 'production', version })
  for (const warning of loaded.warnings) log.warn(warning)
  const onLost = (): void => {
    log.fatal(LOST)
    process.stderr.write(`${LOST}\n`)
    process.exit(1)
  }
  await using stack = new AsyncDisposableStack()
  stack.defer(() => log.close())
  const database = await openDatabase(config, { log: (line) => log.info(line), onLost })
  stack.defer(() => database.close())
  const schemas = await schemasOf(config.mode)
  const masterKey = await prepareDatabase(database, { schemas, config, clock: systemClock })
  const app = await createApp({ loaded, database, masterKey, log, version })
  stack.defer(() => app.stop())
  await app.start()
  await greet(app, loaded)
  log.info({ reason: await asked }, 'stopping: what is under way is finished first')
}
