import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRpc } from '#clients/bitcoin'
import { createFetch } from '#platform/web/fetch'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { waitFor } from './wait.ts'

export interface RealNode extends AsyncDisposable {
  readonly url: string
  readonly cookieFile: string
  readonly zmqUrl: string
  readonly version: string
  /** Calls any RPC method, on the wallet `payer`, which holds coins. Amounts are text. */
  call<T>(method: string, ...params: unknown[]): Promise<T>
  /** Restarts the node on the same chain. */
  restart(): Promise<void>
}

const FOLDER = fileURLToPath(new URL('../node_modules/.cache/bitcoin-node', import.meta.url))
const SCRIPT = fileURLToPath(new URL('../tools/bitcoin-node.sh', import.meta.url))
const FETCH_MS = 120_000

/** Finds bitcoind: the one named by BITCOIND, else one that `tools/bitcoin-node.sh` downloads; else the reason why there is none. */
async function findProgram(): Promise<{ program: string } | { skip: string }> {
  const given = process.env.BITCOIND
  if (given) return existsSync(given) ? { program: given } : { skip: `BITCOIND=${given} does not exist` }
  mkdirSync(FOLDER, { recursive: true })
  return new Promise((resolve) => {
    execFile('sh', [SCRIPT, FOLDER], { timeout: FETCH_MS }, (error, out, said) => {
      const reason = said.trim().split('\n').at(-1) || error?.message || ''
      resolve(error ? { skip: `no Bitcoin node: ${reason}` } : { program: out.trim() })
    })
  })
}

/** Opens a real node on a new regtest chain with 101 blocks, or returns the reason why there is none. */
export async function openBitcoinNode(): Promise<RealNode | { skip: string }> {
  const found = await findProgram()
  if ('skip' in found) return found
  const dataDir = mkdtempSync(join(tmpdir(), 'bitcoin-'))
  const [rpcPort, zmqPort] = await Promise.all([freePort(), freePort()])
  const zmqUrl = `tcp://127.0.0.1:${zmqPort}`
  const cookieFile = join(dataDir, 'regtest', '.cookie')
  const origin = `http://127.0.0.1:${rpcPort}`
  const fetch = createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'test' })
  const base = createRpc({ fetch, settings: () => ({ url: origin, cookieFile }) })
  const wallet = createRpc({ fetch, settings: () => ({ url: `${origin}/wallet/payer`, cookieFile }) })
  const settings = [
    ...['-regtest', '-listen=0', '-dnsseed=0', '-fallbackfee=0.00001', '-walletrbf=1', '-dbcache=16'],
    ...[`-datadir=${dataDir}`, `-rpcport=${rpcPort}`, `-zmqpubsequence=${zmqUrl}`],
  ]
  const start = async (): Promise<() => Promise<void>> => {
    const child = spawn(found.program, settings, { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const answers = (): Promise<boolean> =>
      base.call('getblockcount').then(
        () => true,
        () => false,
      )
    await waitFor('the Bitcoin node', answers, 30_000)
    return async () => {
      child.kill('SIGTERM')
      await ended
    }
  }
  let stop = await start()
  await base.call('createwallet', ['payer'])
  const call = async <T>(method: string, ...params: unknown[]): Promise<T> => (await wallet.call(method, params)) as T
  await call('generatetoaddress', 101, await call('getnewaddress'))
  const { subversion } = await call<{ subversion: string }>('getnetworkinfo')
  return {
    url: origin,
    cookieFile,
    zmqUrl,
    version: subversion,
    call,
    restart: async () => {
      await stop()
      stop = await start()
      await base.call('loadwallet', ['payer'])
    },
    [Symbol.asyncDispose]: async () => {
      await stop()
      await fetch.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
