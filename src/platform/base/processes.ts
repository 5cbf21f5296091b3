import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

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

/** Reads a file of a process below /proc. Undefined when the process has ended or the file is not readable. */
export function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return undefined
  }
}

/** Returns the columns that ps prints for a process. For systems without /proc. */
export const ps = (pid: number, columns: string): string =>
  spawnSync('ps', ['-o', columns, '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 }).stdout?.trim() ?? ''
