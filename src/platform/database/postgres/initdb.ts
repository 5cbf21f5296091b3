import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { type Account, changeOwner } from './account.ts'
import type { Binaries } from './binaries.ts'
import { badFolder, explainFolder, explainOutput, isBusy, noBinaries } from './failures.ts'
import { createPasswords, findPasswords, type Folder, type Passwords } from './folder.ts'
import { findProcessStart, identifyProcess } from '../../base/processes.ts'

export const OWNER = 'purser_owner'
export const APP = 'purser_app'
export const DATABASE = 'purser'

/** Environment of the PostgreSQL programs. They do not inherit Purser's, because PGDATA, PGUSER and others would change their behaviour. */
export const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' }
const INITDB_LIMIT_MS = 120_000

/** Ensures that the data folder holds a cluster of the right version with known passwords. Returns false when another start interfered. */
export async function ensureCluster(binaries: Binaries, account: Account, folder: Folder): Promise<boolean> {
  removeDrafts(folder)
  if (!existsSync(folder.data) || readdirSync(folder.data).length === 0) await createCluster(binaries, account, folder)
  requireVersion(binaries, folder)
  if (findPasswords(folder)) return true
  // The folder was restored without its password files. Its owner also owns the database, so set new passwords.
  return await runSingle(binaries, account, folder, folder.data, setPasswords(createPasswords(folder, account)))
}

/** Creates the cluster in a draft folder and renames it when complete, so that a kill leaves no partial cluster. */
async function createCluster(binaries: Binaries, account: Account, folder: Folder): Promise<void> {
  const passwords = createPasswords(folder, account)
  const draft = mkdtempSync(`${folder.data}.new-${identifyProcess('-')}-`)
  try {
    changeOwner(account, draft)
    const ended = await run(binaries.initdb, account, [
      ...['-D', draft, '-U', OWNER, `--pwfile=${folder.passwords.owner}`, '--auth=scram-sha-256', '--encoding=UTF8'],
      // Sort and fold case by Unicode rules. Locales of the host can change while the database exists.
      ...[
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--data-checksums',
        '--no-instructions',
      ],
    ])
    if (ended.code !== 0) throw explainOutput(ended.output, folder.log)
    await runSingle(binaries, account, folder, draft, [
      `create role ${APP} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls`,
      `create database ${DATABASE}`,
      `revoke all on database ${DATABASE} from public`,
      `grant connect on database ${DATABASE} to ${APP}`,
      ...setPasswords(passwords),
    ])
    renameSync(draft, folder.data)
    flushFolder(folder.root)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    // A concurrent start created the cluster first: use that one.
    if (!existsSync(join(folder.data, 'PG_VERSION'))) throw explainFolder(error, folder.data)
  }
}

/** Returns the statements that set both passwords. Passwords are base64url, so they need no quoting. */
const setPasswords = (passwords: Passwords): string[] => [
  `alter role ${OWNER} password '${passwords.owner}'`,
  `alter role ${APP} password '${passwords.app}'`,
]

/** Runs statements in PostgreSQL's single-user mode, without a server or password. Returns false when a server uses the folder. */
async function runSingle(
  binaries: Binaries,
  account: Account,
  folder: Folder,
  data: string,
  statements: string[],
): Promise<boolean> {
  const input = statements.map((statement) => `${statement};\n`).join('')
  const args = ['--single', '-c', 'exit_on_error=true', '-c', 'log_min_error_statement=panic', '-D', data, 'postgres']
  const ended = await run(binaries.postgres, account, args, input)
  if (ended.code !== 0 && !isBusy(ended.output)) throw explainOutput(ended.output, folder.log)
  return ended.code === 0
}

function run(
  program: string,
  account: Account,
  args: readonly string[],
  input = '',
): Promise<{ code: number | null; output: string }> {
  const [command = program, ...rest] = [...account.prefix, program, ...args]
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, {
      cwd: '/',
      env: ENVIRONMENT,
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: INITDB_LIMIT_MS,
    })
    let output = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-20_000)))
    child.on('error', (error) => reject(noBinaries(error.message, error)))
    child.on('close', (code) => resolve({ code, output }))
    // The process may exit before it reads all input; its exit code reports the failure.
    child.stdin.on('error', () => undefined).end(input)
  })
}

function requireVersion({ major }: Binaries, { data }: Folder): void {
  const file = join(data, 'PG_VERSION')
  if (!existsSync(file))
    throw badFolder(
      `${data} holds files but no PostgreSQL database. Move them away, or set DATA_DIR to another folder.`,
    )
  const found = readFileSync(file, 'utf8').trim()
  if (found === major) return
  throw new AppError(
    'platform.postgres-wrong-version',
    500,
    `${data} was created by PostgreSQL ${found}, but this version of Purser includes PostgreSQL ${major}. ` +
      `Start the earlier version, restore its backup into a new DATA_DIR, or set DATABASE_URL to a PostgreSQL ${found} server.`,
  )
}

/** Removes draft folders of killed starts. Keeps the drafts of running processes. */
function removeDrafts({ root, data }: Folder): void {
  for (const name of readdirSync(root)) {
    const parts = name.startsWith(`${basename(data)}.new-`) ? name.split('-') : undefined
    if (parts && findProcessStart(Number(parts[1])) !== parts[2])
      rmSync(join(root, name), { recursive: true, force: true })
  }
}

/** Flushes a folder to disk. Without it a power cut could undo the rename of a database that already holds payments. */
function flushFolder(path: string): void {
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}
