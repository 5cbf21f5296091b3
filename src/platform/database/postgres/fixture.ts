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

/** In memory where there is room: making and removing databases of a thousand files each takes some disks seconds. */
const temporary = existsSync('/dev/shm') && freeBytes('/dev/shm') > 1_000_000_000 ? '/dev/shm' : tmpdir()

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** A data folder for one test. Whatever server runs on it afterwards is stopped and it is removed. */
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

/** The same with a database in it, stopped: a copy of one that is made once, because making one takes most of a start's time. */
export async function createMadeDir(t: TestContext): Promise<string> {
  const dataDir = createDataDir(t)
  cpSync(await createSeed(), dataDir, { recursive: true })
  return dataDir
}

/** The one that is copied. */
export const createSeed = (): Promise<string> => (seed ??= makeSeed())

async function makeSeed(): Promise<string> {
  const path = mkdtempSync(join(temporary, 'purser-test-'))
  process.once('exit', () => rmSync(path, { recursive: true, force: true }))
  await (await start({ dataDir: path })).stop()
  rmSync(join(path, 'socket'), { recursive: true })
  return path
}

/** All rows of a statement, on a connection of its own. */
export async function ask<Row extends object>(connection: PostgresConnection, text: string): Promise<Row[]> {
  const client = await openClient(connection, 'test')
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** Tries until the answer is true; fails after ten seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return
    await waitMs(20)
  }
  assert.fail(`not within 10 s: ${what}`)
}

/** For assert.rejects: an AppError with this code whose message is one line that matches. */
export const appError =
  (code: string, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.ok(!error.message.includes('\n'), 'more than one line')
    return true
  }

/** Another Node program that uses Purser's embedded PostgreSQL; `code` sees the face as `pg`, the data folder as `dataDir`, and `say`. */
export interface Program {
  child: ChildProcess
  /** What it said next. */
  next(): Promise<Record<string, unknown>>
  ended: Promise<number | null>
}

export function runProgram(t: TestContext, dataDir: string, code: string, user?: number): Program {
  const face = JSON.stringify(new URL('../postgres.ts', import.meta.url).href)
  const source = `import * as pg from ${face}
    const dataDir = ${JSON.stringify(dataDir)}
    const say = (value) => console.log(JSON.stringify(value))
    try { ${code} } catch (error) { say({ code: error.code, message: error.message }) }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: '/',
    // A process group of its own, as a shell gives it, so that a test can press Ctrl-C.
    detached: true,
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
  t.after(() => child.kill('SIGKILL'))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines = createInterface({ input: child.stdout ?? assert.fail() })[Symbol.asyncIterator]()
  const next = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next()
    assert.ok(!done, 'the program ended without a word')
    const said: unknown = JSON.parse(value)
    assert.ok(typeof said === 'object' && said)
    return { ...said }
  }
  return { child, next, ended }
}
