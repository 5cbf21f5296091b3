import { openFolder } from './postgres/folder.ts'
import { find, hasCluster, start, type EmbeddedPostgres, type StartOptions } from './postgres/start.ts'

export { postgresUrl, type PostgresConnection } from './postgres/connection.ts'
export { acquireOwnerLock, applicationName, endDeadSessions, type OwnerLock } from './postgres/lock.ts'
export type { EmbeddedPostgres } from './postgres/start.ts'

/**
 * PostgreSQL without installing it: makes, starts or adopts the one server of this data folder, reachable only through a private unix
 * socket. Throws an AppError (`platform.postgres-…`) with one line that says what to do: folder unusable, disk full, wrong version,
 * no programs for this system, a server that does not start.
 */
export const startPostgres = (options: StartOptions): Promise<EmbeddedPostgres> => start(options)

/** Makes the data folder if needed, for its owner only. Throws one clear line when it cannot be used. */
export const makeDataFolder = (dataDir: string): void => void openFolder(dataDir)

/** Whether this data folder holds a database, running or not. */
export const hasPostgres = (dataDir: string): boolean => hasCluster(dataDir)

/** How to reach the running server of this data folder; undefined when none runs or it is not ready. Starts nothing. */
export const findPostgres = async (
  dataDir: string,
): Promise<Pick<EmbeddedPostgres, 'owner' | 'app' | 'pid'> | undefined> => find(dataDir)
