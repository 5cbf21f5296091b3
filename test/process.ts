import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { waitFor } from './wait.ts'

const PROGRAM = resolve(import.meta.dirname, '../bin/purser.js')
const START_LIMIT_MS = 30_000
const GONE_LIMIT_MS = 30_000

/** A user id that no account has. */
export const SOMEBODY = 54321

/** Why that user cannot run this program, if so: in the folder of root, `/root`, for one. */
export const unreadable: string | false =
  process.getuid?.() === 0 &&
  spawnSync('/bin/cat', [PROGRAM], { uid: SOMEBODY, gid: SOMEBODY, cwd: '/', stdio: 'ignore' }).status !== 0 &&
  'another user cannot read this checkout'

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The real program as a process of its own. */
export interface PurserProcess {
  readonly url: string
  /** The API key that it printed. */
  readonly key: string
  readonly pid: number
  readonly dataDir: string
  /** All that it said so far. */
  output(): string
  /** `group`: as a terminal does it at Ctrl-C. */
  kill(signal: NodeJS.Signals, to?: 'process' | 'group'): void
  readonly exited: Promise<Exit>
}

export interface ProcessOptions {
  /** `folder/data`; the process works in `folder`. */
  readonly dataDir: string
  /** A free one by default. */
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
  /** Where it works; the folder that `dataDir` is in by default. */
  readonly cwd?: string
}

/** In memory where there is room: a database of a thousand files takes some disks seconds to make. */
const temporary = (): string => (existsSync('/dev/shm') && freeBytes('/dev/shm') > 1e9 ? '/dev/shm' : tmpdir())

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** An empty folder. Whatever still runs in it after the test is killed, and it is removed. */
export function createFolder(t: TestContext): string {
  const folder = mkdtempSync(join(temporary(), 'purser-process-'))
  t.after(async () => {
    for (const pid of processesIn(folder)) kill(pid, 'SIGKILL')
    await waitFor('the processes of a test to be gone', () => processesIn(folder).length === 0, GONE_LIMIT_MS)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** `purser start`; resolves when it has said that it runs. Throws with what it said when it ends before. */
export async function startPurser(options: ProcessOptions): Promise<PurserProcess> {
  const { child, output, exited } = run(['start'], options)
  let ended: Exit | undefined
  void exited.then((exit) => (ended = exit))
  const said = await waitFor(
    'the program to say that it runs',
    () => {
      if (ended) throw new Error(`purser start ended with ${String(ended.code ?? ended.signal)}:\n${output()}`)
      return output().includes('Ctrl-C stops') && output()
    },
    START_LIMIT_MS,
  )
  const { pid = 0 } = child
  return {
    url: /http:\/\/[\d.]+:\d+/.exec(said)?.[0] ?? '',
    key: /sk_test_\S+/.exec(said)?.[0] ?? '',
    pid,
    dataDir: options.dataDir,
    output,
    kill: (signal, to = 'process') => void process.kill(to === 'group' ? -pid : pid, signal),
    exited,
  }
}

/** One `purser` command, run to its end. */
export async function runPurser(
  args: readonly string[],
  options: ProcessOptions,
): Promise<Exit & { stdout: string; stderr: string }> {
  const { stdout, stderr, exited } = run(args, options)
  const exit = await exited
  return { ...exit, stdout: stdout(), stderr: stderr() }
}

interface Running {
  child: ChildProcess
  stdout(): string
  stderr(): string
  output(): string
  exited: Promise<Exit>
}

function run(
  args: readonly string[],
  { dataDir, port = 0, env = {}, cwd = join(dataDir, '..') }: ProcessOptions,
): Running {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', DATA_DIR: dataDir, PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as a shell gives it.
    detached: true,
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const exited = new Promise<Exit>((done, fail) => {
    child.once('error', fail)
    child.once('close', (code, signal) => done({ code, signal }))
  })
  return { child, stdout: () => stdout, stderr: () => stderr, output: () => stdout + stderr, exited }
}

/** Processes that work in this folder, or were started with it on their command line or in their environment. */
export const processesIn = (folder: string): number[] =>
  listPids().filter((pid) => {
    const known = [commandOf(pid), read(pid, 'environ'), `${read(pid, 'cwd', readlinkSync)}/`]
    return known.some((text) => text.includes(`${folder}/`)) && stateOf(pid).state !== 'Z'
  })

/** The PostgreSQL servers of this data folder: never more than one. */
export function postmastersOf(dataDir: string): number[] {
  const servers = listPids().filter((pid) => commandOf(pid).includes(` -D ${join(dataDir, 'postgres')} `))
  // A session just forked still bears its server's command line.
  return servers.filter((pid) => !servers.includes(stateOf(pid).parent))
}

const listPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

const commandOf = (pid: number): string => read(pid, 'cmdline')

function stateOf(pid: number): { state: string; parent: number } {
  const stat = read(pid, 'stat')
  const [state = 'Z', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state, parent: Number(parent) }
}

/** Nothing for a process that has ended, or that does not show it to us. */
function read(pid: number, name: string, by = (path: string): string => readFileSync(path, 'utf8')): string {
  try {
    return by(`/proc/${pid}/${name}`).replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}

/** Why these tests cannot run here: they look at processes where Linux shows them. */
export const notLinux = process.platform !== 'linux' && 'needs /proc'
