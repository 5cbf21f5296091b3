import { rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { databaseStatements, roleStatement, settingStatements } from './roles.ts'

/** Name of the file in the data folder with the statements for an administrator. */
export const ROLE_FILE = 'database-role.sql'

export interface RoleFile {
  readonly dataDir: string
  readonly role: string
  readonly password: string
  readonly database: string
  /** Whether the role exists already. */
  readonly exists: boolean
  readonly pooled: boolean
  readonly statementTimeoutMs: number
}

/**
 * Writes the statements that make the login of the program, and the entry for the user list of a pooler, for an administrator. The file
 * contains the password, so only its owner can read it. Returns its path.
 */
export function writeRoleFile(file: RoleFile): string {
  const { dataDir, role, password, database, exists, statementTimeoutMs } = file
  const path = resolve(join(dataDir, ROLE_FILE))
  const statements = [
    roleStatement(role, password, exists),
    ...databaseStatements(role, database),
    ...settingStatements(role, database, statementTimeoutMs),
  ]
  const head = `-- Restricted login of Purser in the database "${database}". Run these statements as an administrator of the server, connected to that
-- database, and start Purser again. Purser grants the rights on its tables itself. Then delete this file.`
  const entry = `-- The connection pooler must know the login too. Add this line to its user list (PgBouncer: auth_file) and reload it:
-- "${role}" "${password}"`
  const text = [head, ...statements.map((one) => `${one};`), ...(file.pooled ? ['', entry] : []), ''].join('\n')
  // Create a new file: an existing one could be readable by others.
  removeRoleFile(dataDir)
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
  return path
}

/** Removes the file once its statements were run. */
export const removeRoleFile = (dataDir: string): void => rmSync(join(dataDir, ROLE_FILE), { force: true })
