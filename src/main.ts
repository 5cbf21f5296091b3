import { createApp, loadSchemas } from './app.ts'
import { loadAppConfig } from './foundation.ts'
import { systemClock } from '#platform/base/clock'
import { processSources } from '#platform/environment/config'
import { openDatabase, prepareDatabase } from '#platform/process/startup'
import { exitAfterLockLost, exitWhenRefused, waitForShutdown } from '#platform/process/shutdown'
import { createLog } from '#platform/observe/log'
import { makeDataFolder } from '#platform/database/postgres'
import { packageVersion } from '#platform/base/version'
import { greet } from './welcome.ts'

/** Runs Purser until it receives a stop signal: config → database → app → drain. */
export async function main(): Promise<void> {
  const sources = processSources()
  const shutdown = waitForShutdown(sources)
  const loaded = loadAppConfig(sources)
  const { platform: config } = loaded.config
  const { appVersion: version = packageVersion, logLevel: level, logDir: dir, nodeEnv } = config
  makeDataFolder(config.dataDir) // before the log folder inside it, whose creation would let the group read both
  const log = createLog({ level, dir, console: nodeEnv !== 'production', version })
  for (const warning of loaded.warnings) log.warn(warning)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => log.close())
  const line = (text: string): void => log.info(text)
  const onLockLost = (): void => exitAfterLockLost(log)
  const server = await openDatabase(config, { log: line, onLockLost })
  stack.defer(() => server.close())
  const prepare = { schemas: await loadSchemas(config.mode), config, clock: systemClock, log: line }
  const { warnings, ...prepared } = await prepareDatabase(server, prepare)
  for (const warning of warnings) log.warn(warning)
  const app = await createApp({ loaded, ...prepared, log, version, onRefused: exitWhenRefused(log) })
  stack.defer(() => app.stop())
  await app.start()
  await greet(app, { ...loaded, warnings: [...loaded.warnings, ...warnings] })
  log.info({ reason: await shutdown }, 'stopping after requests and jobs in flight have finished')
}
