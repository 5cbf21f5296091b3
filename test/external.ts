import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { tmpdir } from 'node:os'
import { loadAppConfig } from '../src/foundation.ts'
import { systemClock as clock } from '#platform/base/clock'
import { platformSchema } from '#platform/database/schema'
import { openDatabase, prepareDatabase, type Prepared } from '#platform/process/startup'
import { openPostgres, type PostgresServer } from './cluster/postgres.ts'

/** A database of an external PostgreSQL that asks for passwords. */
export interface ExternalDatabase {
  readonly name: string
  /** User that owns the database. */
  readonly owner: string
  /** Returns the URL of a user. Its password equals its name. Default: the owner at the server's port. */
  url(user?: string, port?: number): string
}

export interface External {
  readonly folder: string
  readonly postgres: PostgresServer
  /** Creates a database and its owner, who may create roles unless `createrole` is false. */
  createDatabase(options?: { createrole?: boolean }): Promise<ExternalDatabase>
  createUser(name: string): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

let count = 0

/** Starts Debian's PostgreSQL. Check `serversMissing` first. */
export async function openExternal(): Promise<External> {
  const folder = mkdtempSync(join(tmpdir(), 'purser-external-'))
  chmodSync(folder, 0o755)
  const postgres = await openPostgres(folder)
  const createUser = async (name: string, attributes = ''): Promise<void> =>
    void (await postgres.query(`create role ${name} login password '${name}' ${attributes}`))
  return {
    folder,
    postgres,
    createUser,
    createDatabase: async ({ createrole = true } = {}) => {
      count += 1
      const [name, owner] = [`desk_${count}`, `owner_${count}`]
      await createUser(owner, createrole ? 'createrole' : '')
      await postgres.query(`create database ${name} owner ${owner}`)
      const url = (user = owner, port = postgres.port): string => `postgres://${user}:${user}@127.0.0.1:${port}/${name}`
      return { name, owner, url }
    },
    [Symbol.asyncDispose]: async () => {
      await postgres[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Creates a data folder that the end of the test removes. */
export function createDataFolder(t: TestContext): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'purser-data-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  return dataDir
}

/** Prepares the database of these settings as a start does, with the tables of the platform only. */
export async function prepare(dataDir: string, env: Readonly<Record<string, string>>): Promise<Prepared> {
  const settings = { DATA_DIR: dataDir, HOST: '127.0.0.1', ...env }
  const { platform: config } = loadAppConfig({ env: settings, file: join(dataDir, '.env') }).config
  const server = await openDatabase(config, { log: () => undefined })
  return prepareDatabase(server, { schemas: [platformSchema], config, clock })
}
