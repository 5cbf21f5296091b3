import { spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { waitMs } from '../../base/clock.ts'

/**
 * Returns the start time of a process as text, which differs between successive processes with the same id.
 * Undefined when no such process runs. A zombie (ended, not yet reaped by its parent) counts as ended.
 */
export function findProcessStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return findStartByPs(pid)
  const stat = readProc(pid, 'stat')
  // The name in brackets may contain spaces and brackets. The fields after the last bracket are: state, parent, … start time.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields && fields[0] !== 'Z' && fields[0] !== 'X' ? fields[19] : undefined
}

/** Returns id and start time of this process as text. No other process since the boot of the host has the same. */
export const identifyProcess = (separator: string): string =>
  `${process.pid}${separator}${findProcessStart(process.pid) ?? '0'}`

function findStartByPs(pid: number): string | undefined {
  const [state, ...start] = ps(pid, 'stat=,lstart=').split(/\s+/)
  return state && !state.startsWith('Z') ? String(Date.parse(start.join(' ')) / 1000) : undefined
}

/**
 * Returns whether this process is the PostgreSQL server of that data folder. Checks its command line, which every user may read. If the
 * folder was moved under a running server, checks the working folder, which root in a container may not read.
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

/** Returns whether a signal could reach this process. PostgreSQL makes the same check, regardless of the program. */
export function isSignalable(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Waits until the process with this id and start time has ended. Returns false when it still runs after `timeoutMs`. */
export async function waitForExit(pid: number, start: string, timeoutMs: number): Promise<boolean> {
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
