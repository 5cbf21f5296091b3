import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { waitMs } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { openClient, type PostgresConnection } from './connection.ts'
import { findFolder } from './folder.ts'
import { findRunning } from './pidfile.ts'
import { stopServer } from './server.ts'
import { start } from './start.ts'

/** Folder for test databases, in memory if 1 GB is free. Creating and removing a thousand files takes seconds on some disks. */
const temporary = existsSync('/dev/shm') && availableBytes('/dev/shm') > 1_000_000_000 ? '/dev/shm' : tmpdir()

function availableBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Creates a data folder for one test. After the test it stops a server that runs there and removes the folder. */
export function createDataDir(t: TestContext, ...below: string[]): string {
  const base = mkdtempSync(join(temporary, 'purser-test-'))
  chmodSync(base, 0o755)
  const dataDir = join(base, ...below, 'data')
  t.after(async () => {
    const folder = existsSync(dataDir) ? findFolder(dataDir) : undefined
    const running = folder && findRunning(folder)
    if (folder && running) await stopServer(folder, running)
    rmSync(base, { recursive: true, force: true })
  })
  mkdirSync(join(base, ...below), { recursive: true })
  return dataDir
}

let seed: Promise<string> | undefined

/** Creates a data folder with a stopped database. Copies a cluster that is created once, because initdb takes most of a start. */
export async function createInitializedDir(t: TestContext): Promise<string> {
  const dataDir = createDataDir(t)
  cpSync(await createSeed(), dataDir, { recursive: true })
  return dataDir
}

/** Returns the path of the cluster that tests copy. Creates it once per process. */
export const createSeed = (): Promise<string> => (seed ??= createSeedOnce())

async function createSeedOnce(): Promise<string> {
  const path = mkdtempSync(join(temporary, 'purser-test-'))
  process.once('exit', () => rmSync(path, { recursive: true, force: true }))
  await (await start({ dataDir: path })).stop()
  rmSync(join(path, 'socket'), { recursive: true })
  return path
}

/** Runs a statement on a dedicated connection and returns its rows. */
export async function queryRows<Row extends object>(connection: PostgresConnection, text: string): Promise<Row[]> {
  const client = await openClient(connection, 'test')
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** Waits until a condition is true. Fails the test after ten seconds. */
export async function waitUntil(condition: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return
    await waitMs(20)
  }
  assert.fail(`not within 10 s: ${condition}`)
}

/** Matcher for assert.rejects: an AppError with this code and a matching message of one line. */
export const appError =
  (code: string, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.ok(!error.message.includes('\n'), 'more than one line')
    return true
  }

/** A second Node program that uses the embedded PostgreSQL. Its code sees `postgres.ts` as `pg`, the data folder as `dataDir`, and `say`. */
export interface Program {
  child: ChildProcess
  /** Returns the next value that the program passed to `say`. */
  next(): Promise<Record<string, unknown>>
  ended: Promise<number | null>
}

export function runProgram(t: TestContext, dataDir: string, code: string, user?: number): Program {
  const moduleUrl = JSON.stringify(new URL('../postgres.ts', import.meta.url).href)
  const source = `import * as pg from ${moduleUrl}
    const dataDir = ${JSON.stringify(dataDir)}
    const say = (value) => console.log(JSON.stringify(value))
    try { ${code} } catch (error) { say({ code: error.code, message: error.message }) }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: '/',
    // Give it a separate process group, like a shell does, so that a test can send Ctrl-C.
    detached: true,
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
  t.after(() => child.kill('SIGKILL'))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines = createInterface({ input: child.stdout ?? assert.fail() })[Symbol.asyncIterator]()
  const next = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next()
    assert.ok(!done, 'the program ended without output')
    const said: unknown = JSON.parse(value)
    assert.ok(typeof said === 'object' && said)
    return { ...said }
  }
  return { child, next, ended }
}
