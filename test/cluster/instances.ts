import { join } from 'node:path'
import { kill, startPurser, type PurserProcess } from '../process.ts'

export type Role = 'web' | 'worker'

export interface Health {
  /** HTTP status. 0: no answer. */
  readonly status: number
  readonly body: any
}

/** One instance of the program on a fixed port. */
export interface Instance {
  readonly name: string
  readonly role: Role
  readonly port: number
  readonly pid: number
  /** Starts it, and resolves when it is ready. `env` replaces the settings of the last start. */
  start(env?: Readonly<Record<string, string>>): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Sends a signal and waits for the exit. */
  stop(signal?: NodeJS.Signals): Promise<void>
  health(path?: string): Promise<Health>
  /** The reason of an exit that nothing asked for. */
  readonly crash: string | undefined
}

export interface InstanceOptions {
  readonly name: string
  readonly role: Role
  readonly port: number
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}

/** Longer than a health check waits for the database. */
const HEALTH_LIMIT_MS = 5_000
const TAIL = 1_500

export function createInstance({ name, role, port, folder, env: first }: InstanceOptions): Instance {
  let env = first
  let running: PurserProcess | undefined
  let crash: string | undefined
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    const stopped = running
    running = undefined
    if (!stopped) return
    kill(stopped.pid, signal)
    await stopped.exited
  }
  return {
    name,
    role,
    port,
    get pid() {
      return running?.pid ?? 0
    },
    start: async (next = env) => {
      env = next
      const roleEnv = { HOST: '127.0.0.1', INSTANCE_TYPE: role }
      const started = await startPurser({ dataDir: join(folder, name), port, cwd: folder, env: { ...env, ...roleEnv } })
      running = started
      void started.exited.then(({ code, signal }) => {
        if (running === started) crash = `${name} ended with ${code ?? signal ?? ''}: ${started.output().slice(-TAIL)}`
      })
    },
    signal: (signal) => {
      if (!running) throw new Error(`${name} does not run`)
      kill(running.pid, signal)
    },
    stop,
    health: (path = '/health/ready') => askHealth(`http://127.0.0.1:${port}${path}`),
    get crash() {
      return crash
    },
  }
}

async function askHealth(url: string): Promise<Health> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(HEALTH_LIMIT_MS), headers: { connection: 'close' } })
    return { status: answer.status, body: await answer.json() }
  } catch {
    return { status: 0, body: {} }
  }
}
