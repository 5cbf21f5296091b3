import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export interface ServerOptions {
  /** Arguments of `node`, such as [programPath, 'start']. Script paths are absolute. PORT and HOST are set in the environment. */
  args: readonly string[]
  env?: Readonly<Record<string, string>>
  /** Path of Node. Default: the Node of the benchmark. */
  node?: string
  /** Called with `stop` once the process exists, so that it also ends when the benchmark is interrupted before the server is ready. */
  defer?: (stop: () => Promise<void>) => void
  /** The server is ready when this path answers 200. */
  readyPath?: string
  /** Time limit of the start. Default: 120 s, because a busy machine is not a failure. */
  timeoutMs?: number
}

export interface SpawnedServer extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** Time from spawn to the first 200. */
  readonly readyMs: number
  /** Sends SIGTERM, and SIGKILL after 20 s. Idempotent. */
  stop(): Promise<void>
}

const READY_EVERY_MS = 10
const STOP_LIMIT_MS = 20_000
/** Variables that a server inherits from the shell. Settings such as DATABASE_URL would change the figures. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH']

/** Folder of this repository. */
export const repositoryPath = resolve(import.meta.dirname, '../..')
/** Program of this repository: `node <programPath> start`. */
export const programPath = join(repositoryPath, 'bin/purser.js')

/**
 * Starts a measured program, floor or Purser, as a separate process. Its working folder is empty and its environment is clean, so neither
 * a `.env` file nor the shell changes the figures. Throws with the end of its output when it does not become ready.
 */
export async function spawnServer(options: ServerOptions): Promise<SpawnedServer> {
  const { args, env = {}, node = process.execPath, readyPath = '/health', timeoutMs = 120_000 } = options
  const port = await findFreePort()
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
    // The benchmark was interrupted and accepts no more cleanups.
    await stop()
    throw error
  }
  while (!(await answers(`${url}${readyPath}`))) {
    const hasEnded = child.exitCode !== null || child.signalCode !== null
    if (!hasEnded && performance.now() - began < timeoutMs) {
      await new Promise((done) => setTimeout(done, READY_EVERY_MS))
      continue
    }
    const text = readFileSync(output, 'utf8').slice(-4000)
    await stop()
    throw new Error(`node ${args.join(' ')} ${hasEnded ? 'ended' : `was not ready after ${timeoutMs} ms`}:\n${text}`)
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

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
