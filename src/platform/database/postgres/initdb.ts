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
import { type Account, giveTo } from './account.ts'
import type { Binaries } from './binaries.ts'
import { badFolder, explainFolder, explainOutput, isBusy, noBinaries } from './failures.ts'
import { findPasswords, type Folder, makePasswords, type Passwords } from './folder.ts'
import { findProcessStart, ownProcess } from './process.ts'

export const OWNER = 'purser_owner'
export const APP = 'purser_app'
export const DATABASE = 'purser'

/** What the PostgreSQL programs see of the environment: nothing of ours (PGDATA, PGUSER, … would change what they do). */
export const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' }
const INITDB_LIMIT_MS = 120_000

/** Makes sure that the data folder holds a database of our version, made with passwords that we know. Returns false when another start was in the way. */
export async function ensureCluster(binaries: Binaries, account: Account, folder: Folder): Promise<boolean> {
  removeDrafts(folder)
  if (!existsSync(folder.data) || readdirSync(folder.data).length === 0) await createCluster(binaries, account, folder)
  requireVersion(binaries, folder)
  if (findPasswords(folder)) return true
  // Restored without the password files: who owns the folder owns the database, so new ones are set.
  return await runSingle(binaries, account, folder, folder.data, setPasswords(makePasswords(folder, account)))
}

/** Built beside and moved into place when complete, so that a kill on the way leaves nothing half done. */
async function createCluster(binaries: Binaries, account: Account, folder: Folder): Promise<void> {
  const passwords = makePasswords(folder, account)
  const draft = mkdtempSync(`${folder.data}.new-${ownProcess('-')}-`)
  try {
    giveTo(account, draft)
    const ended = await run(binaries.initdb, account, [
      ...['-D', draft, '-U', OWNER, `--pwfile=${folder.passwords.owner}`, '--auth=scram-sha-256', '--encoding=UTF8'],
      // Sorts and folds case by Unicode without depending on the locales of the host, which change under a database.
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
    // Somebody who started at the same moment was faster: theirs is used.
    if (!existsSync(join(folder.data, 'PG_VERSION'))) throw explainFolder(error, folder.data)
  }
}

/** Passwords are base64url: nothing in them needs quoting. */
const setPasswords = (passwords: Passwords): string[] => [
  `alter role ${OWNER} password '${passwords.owner}'`,
  `alter role ${APP} password '${passwords.app}'`,
]

/** Runs statements in PostgreSQL's single-user mode, which needs no server and no password. False when a server has the folder. */
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
    // It may have ended before it read everything; its exit code tells.
    child.stdin.on('error', () => undefined).end(input)
  })
}

function requireVersion({ major }: Binaries, { data }: Folder): void {
  const file = join(data, 'PG_VERSION')
  if (!existsSync(file))
    throw badFolder(
      `${data} holds something that is no PostgreSQL database: move it away, or set DATA_DIR to another folder`,
    )
  const found = readFileSync(file, 'utf8').trim()
  if (found === major) return
  throw new AppError(
    'platform.postgres-wrong-version',
    500,
    `${data} was made by PostgreSQL ${found} and this Purser brings ${major}: ` +
      `start the Purser that made it and restore its backup into a new DATA_DIR, or set DATABASE_URL to a PostgreSQL ${found} server`,
  )
}

/** What starts that were killed half-way left behind; those of running processes stay. */
function removeDrafts({ root, data }: Folder): void {
  for (const name of readdirSync(root)) {
    const made = name.startsWith(`${basename(data)}.new-`) ? name.split('-') : undefined
    if (made && findProcessStart(Number(made[1])) !== made[2])
      rmSync(join(root, name), { recursive: true, force: true })
  }
}

/** Without this a power cut could undo the move of a database that already took money. */
function flushFolder(path: string): void {
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}
