import { readlinkSync, realpathSync } from 'node:fs'
import { waitMs } from '../../base/clock.ts'
import { findProcessStart, ps, readProc } from '../../base/processes.ts'

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
