import { openFolder } from './postgres/folder.ts'
import { findServer, hasCluster, start, type EmbeddedPostgres, type StartOptions } from './postgres/start.ts'

export type { PostgresConnection } from './postgres/connection.ts'
export { acquireOwnerLock, applicationName, endDeadSessions, type OwnerLock } from './postgres/lock.ts'
export type { EmbeddedPostgres } from './postgres/start.ts'
export { supervise as supervisePostgres, type ServerState, type SupervisedPostgres } from './postgres/supervise.ts'

/**
 * Starts the embedded PostgreSQL of a data folder, creates its cluster first if needed, or connects to the server that already runs.
 * The server listens on a private unix socket only. Throws AppError `platform.postgres-…` with one line that says what to do: unusable
 * folder, full disk, wrong version, no binaries for this system, a server that does not start.
 */
export const startPostgres = (options: StartOptions): Promise<EmbeddedPostgres> => start(options)

/** Creates the data folder if needed, with access for its owner only. Throws `platform.postgres-…` when it cannot be used. */
export const makeDataFolder = (dataDir: string): void => void openFolder(dataDir)

/** Returns whether this data folder holds a database, running or not. */
export const hasPostgres = (dataDir: string): boolean => hasCluster(dataDir)

/** Returns the connections of the running server of this data folder. Undefined when none is ready. Starts nothing. */
export const findPostgres = async (
  dataDir: string,
): Promise<Pick<EmbeddedPostgres, 'owner' | 'app' | 'pid'> | undefined> => findServer(dataDir)
