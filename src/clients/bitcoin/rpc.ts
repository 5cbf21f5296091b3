import { readFile } from 'node:fs/promises'
import { type Fetch, type FetchAnswer, FetchError } from '#platform/web/fetch'
import { parseExactJson } from '#platform/base/json'
import type { Secret } from '#platform/base/secrets'
import { BitcoinError } from './errors.ts'

export interface RpcSettings {
  /** `http://127.0.0.1:8332`, without user or password. */
  readonly url: string
  readonly user?: string | undefined
  readonly password?: Secret | undefined
  /** Path of the node's `.cookie`. It is read again after a refusal, because each start of the node writes a new one. */
  readonly cookieFile?: string | undefined
}

export interface RpcCall {
  readonly method: string
  readonly params?: readonly unknown[]
}

export interface RpcOptions {
  readonly deadlineMs?: number
  readonly maxBytes?: number
}

export type RpcAnswer = { readonly result: unknown } | { readonly error: BitcoinError }

export interface Rpc {
  /** Calls a method and returns its result. Amounts stay the text that the node wrote. Throws BitcoinError. */
  call(method: string, params?: readonly unknown[], options?: RpcOptions): Promise<unknown>
  /** Sends several calls in batches of 100 and returns the answers in the same order. Throws BitcoinError when a batch gets no answer. */
  batch(calls: readonly RpcCall[], options?: RpcOptions): Promise<RpcAnswer[]>
}

const DEADLINE_MS = 15_000
const MAX_BYTES = 16 * 1024 * 1024
const MAX_BATCH = 100
const WARMING_UP = -28
const REFUSED =
  'it refused the user, password or cookie. Check BITCOIN_RPC_USER and BITCOIN_RPC_PASSWORD, or BITCOIN_RPC_COOKIE'

/** Creates a JSON-RPC 2.0 client. Bitcoin Core 28 and later return errors with HTTP 200, older versions with 404 or 500 and the same body. */
export function createRpc({ fetch, settings }: { fetch: Fetch; settings: () => RpcSettings }): Rpc {
  let cookie: string | undefined

  async function credentials(renew: boolean): Promise<string | undefined> {
    const { user, password, cookieFile } = settings()
    if (cookieFile === undefined) return user === undefined ? undefined : `${user}:${password?.reveal() ?? ''}`
    if (renew) cookie = undefined
    cookie ??= await readCookie(cookieFile)
    return cookie
  }

  async function send(label: string, body: unknown, options: RpcOptions, renewed = false): Promise<FetchAnswer> {
    const { url, cookieFile } = settings()
    const login = await credentials(renewed)
    const authorization = login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
    const answer = await fetch({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify(body),
      deadlineMs: options.deadlineMs ?? DEADLINE_MS,
      maxBytes: options.maxBytes ?? MAX_BYTES,
      label,
    }).catch((error: unknown) => {
      throw error instanceof FetchError ? unreachable(error) : error
    })
    if (answer.status !== 401 && answer.status !== 403) return answer
    if (cookieFile !== undefined && !renewed) return send(label, body, options, true)
    throw new BitcoinError('bitcoin.unauthorized', REFUSED)
  }

  const post = async (label: string, body: unknown, options: RpcOptions): Promise<unknown> => {
    const answer = await send(label, body, options)
    try {
      return parseExactJson(answer.text(), { integers: 'numbers' })
    } catch {
      if (answer.status >= 500)
        throw new BitcoinError('bitcoin.unavailable', `it answered ${answer.status}`, { maybeActed: true })
      throw new BitcoinError('bitcoin.bad-answer', `its response (${answer.status}) is not JSON`, {
        maybeActed: true,
      })
    }
  }

  return {
    call: async (method, params = [], options = {}) => {
      const answer = await post(`bitcoin.${method}`, { jsonrpc: '2.0', id: 0, method, params }, options)
      const read = readAnswer(answer, 0)
      if ('error' in read) throw read.error
      return read.result
    },
    batch: async (calls, options = {}) => {
      const all: RpcAnswer[] = []
      for (let from = 0; from < calls.length; from += MAX_BATCH) {
        const part = calls.slice(from, from + MAX_BATCH)
        const body = part.map(({ method, params = [] }, id) => ({ jsonrpc: '2.0', id, method, params }))
        const answers = await post('bitcoin.batch', body, options)
        // A node that refuses the whole batch (-28, warming up) returns one error object.
        if (!Array.isArray(answers)) {
          const read = readAnswer(answers, undefined)
          throw 'error' in read ? read.error : badAnswer()
        }
        all.push(
          ...part.map((_, id) =>
            readAnswer(
              (answers as unknown[]).find((one) => idOf(one) === id),
              id,
            ),
          ),
        )
      }
      return all
    },
  }
}

const badAnswer = (): BitcoinError =>
  new BitcoinError('bitcoin.bad-answer', 'the response has an unknown format', { maybeActed: true })

const unreachable = (error: FetchError): BitcoinError =>
  new BitcoinError('bitcoin.unavailable', error.message, { maybeActed: error.maybeSent, cause: error })

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const idOf = (answer: unknown): unknown => (isObject(answer) ? answer.id : undefined)

function readAnswer(answer: unknown, id: number | undefined): RpcAnswer {
  if (!isObject(answer)) return { error: badAnswer() }
  const { error } = answer
  if (isObject(error)) {
    const rpcCode = typeof error.code === 'number' ? error.code : undefined
    const message = typeof error.message === 'string' ? error.message.slice(0, 200) : 'an error without a message'
    const code = rpcCode === WARMING_UP ? 'bitcoin.warming-up' : 'bitcoin.rejected'
    return { error: new BitcoinError(code, `${message} (${rpcCode ?? 'no code'})`, { rpcCode }) }
  }
  if (error != null || !('result' in answer) || answer.id !== id) return { error: badAnswer() }
  return { result: answer.result }
}

async function readCookie(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw new BitcoinError(
      'bitcoin.unauthorized',
      'its cookie file cannot be read. Check BITCOIN_RPC_COOKIE, and that the node is running',
      { cause },
    )
  }
}
