import { spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { waitMs } from '../../base/clock.ts'

/**
 * When this process started, as text that differs between two processes which had the same id one after the other.
 * Undefined when no such process runs; one that ended and was not yet collected by its parent counts as ended.
 */
export function findProcessStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return findStartByPs(pid)
  const stat = readProc(pid, 'stat')
  // The name, in brackets, may hold spaces and brackets itself; the fields after the last bracket are: state, parent, … start time.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields && fields[0] !== 'Z' && fields[0] !== 'X' ? fields[19] : undefined
}

/** This process and its start as text. No other process has, or had since the host started, the same. */
export const ownProcess = (separator: string): string =>
  `${process.pid}${separator}${findProcessStart(process.pid) ?? '0'}`

function findStartByPs(pid: number): string | undefined {
  const [state, ...start] = ps(pid, 'stat=,lstart=').split(/\s+/)
  return state && !state.startsWith('Z') ? String(Date.parse(start.join(' ')) / 1000) : undefined
}

/**
 * Whether this process is the postgres server of that data folder: by its command line, which everybody may read, or, if the folder
 * was moved under it, by its working folder, which root in a container may not.
 */
export function isPostgresOf(pid: number, data: string): boolean {
  if (process.platform !== 'linux') return `${ps(pid, 'command=')} `.includes(`-D ${data} `)
  if (readProc(pid, 'comm')?.trim() !== 'postgres') return false
  const args = readProc(pid, 'cmdline')?.split('\0') ?? []
  if (args[args.indexOf('-D') + 1] === data) return true
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data)
  } catch {
    return false
  }
}

/** Whether a signal could reach this process: this, and not whose process it is, is what postgres itself looks at. */
export function isSignalable(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Waits until the process that started then is gone; false when it still runs after the time. */
export async function waitUntilGone(pid: number, start: string, timeoutMs: number): Promise<boolean> {
  for (let waitedMs = 0; findProcessStart(pid) === start; waitedMs += 20) {
    if (waitedMs >= timeoutMs) return false
    await waitMs(20)
  }
  return true
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return undefined
  }
}

const ps = (pid: number, columns: string): string =>
  spawnSync('ps', ['-o', columns, '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 }).stdout?.trim() ?? ''
