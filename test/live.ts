import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sandboxCredentials, sandboxSchema } from '#sandbox'
import { openTestDatabase } from './database.ts'
import { openWorld, type World } from './world.ts'

export interface LiveWorld extends World {
  /** Base URL of the providers, phones and card page, which run in another process. */
  readonly providersUrl: string
}

const PROGRAM = join(import.meta.dirname, 'simulators.ts')

/** Opens the program in live mode, with the simulators in a separate process on a separate database. */
export async function openLiveWorld(): Promise<LiveWorld> {
  const stack = new AsyncDisposableStack()
  const database = stack.use(await openTestDatabase([sandboxSchema]))
  const { url: providersUrl, stop } = await startProviders(database.ownerConnection)
  stack.defer(stop)
  const credentials = sandboxCredentials(providersUrl, { livemode: true })
  const world = stack.use(await openWorld({ mode: 'live', clock: 'system', env: credentials }))
  await registerWebhook(credentials, `${world.url}/api/webhook/stripe`)
  for (const rail of ['airtel', 'crossmint']) await setEndpoint(providersUrl, rail, `${world.url}/api/webhook/${rail}`)
  return { ...world, providersUrl, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

export interface Providers {
  readonly url: string
  /** Settings of Purser for M-Pesa. */
  readonly mpesa: Record<string, string>
  signal(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

/** Starts the simulators in a separate process, on a database of their own. */
export async function startProviders(connection: object): Promise<Providers> {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, SIMULATORS_DATABASE: JSON.stringify(connection) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(child.stdout)) {
    const [, url] = /^simulators (http\S+)$/.exec(line) ?? []
    if (url === undefined) continue
    const credentials = Object.entries(sandboxCredentials(url, { livemode: true }))
    return {
      url,
      mpesa: Object.fromEntries(credentials.filter(([name]) => name.startsWith('MPESA_'))),
      signal: (signal) => void child.kill(signal),
      stop: () => stopProviders(child),
    }
  }
  throw new Error(`The simulators did not start: they ended with ${child.exitCode ?? child.signalCode ?? 'no code'}`)
}

async function stopProviders(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGCONT')
  child.kill('SIGTERM')
  await ended
}

/** Registers the webhook, as a merchant does once in Stripe's dashboard. */
async function registerWebhook(credentials: Record<string, string>, url: string): Promise<void> {
  const answer = await fetch(`${credentials.STRIPE_BASE_URL ?? ''}/v1/webhook_endpoints`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credentials.STRIPE_SECRET_KEY ?? ''}` },
    body: new URLSearchParams({ url, 'enabled_events[]': '*' }),
  })
  if (!answer.ok) throw new Error(`The webhook was not registered: ${answer.status} ${await answer.text()}`)
}

/** Sets the webhook URL, as a merchant does once in the provider's console. */
async function setEndpoint(providersUrl: string, provider: string, url: string): Promise<void> {
  const answer = await fetch(`${providersUrl}/sandbox/${provider}/endpoints`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url }),
  })
  if (!answer.ok) throw new Error(`The endpoint was not set: ${answer.status} ${await answer.text()}`)
}
