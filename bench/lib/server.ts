import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export interface ServerOptions {
  /** Arguments of `node`, scripts by their absolute path, such as [programPath, 'start']. PORT and HOST come by the environment. */
  args: readonly string[]
  env?: Readonly<Record<string, string>>
  /** Path of the Node that runs it. Default: the one that runs the benchmark. */
  node?: string
  /** Called with `stop` once the process exists, so that it also ends when the benchmark is interrupted before the server is ready. */
  defer?: (stop: () => Promise<void>) => void
  /** Ready when this path answers 200. */
  readyPath?: string
  /** Limit of the start: 120 s unless told, as a busy machine is no failure. */
  timeoutMs?: number
}

export interface SpawnedServer extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** From spawn to the first 200. */
  readonly readyMs: number
  /** SIGTERM, and SIGKILL after 20 s. May be called again. */
  stop(): Promise<void>
}

const READY_EVERY_MS = 10
const STOP_LIMIT_MS = 20_000
/** Variables that a server takes from the shell. Settings such as DATABASE_URL would change what is measured. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH']

/** Folder of this repository. */
export const repositoryPath = resolve(import.meta.dirname, '../..')
/** The program of this repository, to be started by `node programPath start`. */
export const programPath = join(repositoryPath, 'bin/purser.js')

/**
 * Starts what is measured as a process of its own, floor and ours alike. Its working folder is empty and its environment is clean, so neither
 * a `.env` file nor the shell changes the figures. Throws with the end of its output when it does not become ready.
 */
export async function spawnServer(options: ServerOptions): Promise<SpawnedServer> {
  const { args, env = {}, node = process.execPath, readyPath = '/health', timeoutMs = 120_000 } = options
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const folder = mkdtempSync(join(tmpdir(), 'purser-bench-server-'))
  const output = join(folder, 'output')
  const file = openSync(output, 'w')
  const began = performance.now()
  const child = spawn(node, args, {
    cwd: folder,
    stdio: ['ignore', file, file],
    env: { ...inheritedEnv(), NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port), ...env },
  })
  closeSync(file)
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
      child.kill('SIGTERM')
      await exited
      clearTimeout(limit)
    }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    options.defer?.(stop)
  } catch (error) {
    // The benchmark was interrupted and no longer takes anything to clean up.
    await stop()
    throw error
  }
  while (!(await answers(`${url}${readyPath}`))) {
    const gone = child.exitCode !== null || child.signalCode !== null
    if (!gone && performance.now() - began < timeoutMs) {
      await new Promise((done) => setTimeout(done, READY_EVERY_MS))
      continue
    }
    const said = readFileSync(output, 'utf8').slice(-4000)
    await stop()
    throw new Error(`node ${args.join(' ')} ${gone ? 'ended' : `was not ready after ${timeoutMs} ms`}:\n${said}`)
  }
  const readyMs = Math.round(performance.now() - began)
  return { url, pid: child.pid ?? 0, readyMs, stop, [Symbol.asyncDispose]: stop }
}

const inheritedEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(INHERITED.flatMap((name) => (name in process.env ? [[name, process.env[name]]] : [])))

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000), headers: { connection: 'close' } })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
