import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { FetchError } from './errors.ts'

export interface FetchRequest {
  /** GET by default. */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  headers?: Record<string, string>
  body?: string | Buffer
  /** For all of it, from asking for a connection to the last byte of the answer; 10 s by default. */
  deadlineMs?: number
  /** Of the answer's body; 1 MiB by default. */
  maxBytes?: number
  /**
   * For an answer whose status is all that matters: once its head is there it counts, with as much of its body as came before `maxBytes`
   * or the deadline.
   */
  cutBody?: boolean
  /** A constant such as `daraja.stkpush`, for log and metrics. The URL's path may hold secrets and is never logged. */
  label: string
}

/** Whatever the other side said, redirects and errors too. */
export interface FetchAnswer {
  readonly status: number
  /** Names in lower case; several values of one name joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  text(): string
  /** Throws FetchError `fetch.bad-json`. */
  json(): unknown
}

const DEADLINE_MS = 10_000
const MAX_BYTES = 1024 * 1024
const USER_AGENT = 'purser'

/** One request and its answer over a connection of `dispatcher`. Nothing is followed and nothing is sent twice. Throws FetchError only. */
export function exchange(dispatcher: Dispatcher, request: FetchRequest, url: URL): Promise<FetchAnswer> {
  return new Promise((resolve, reject) => {
    const handler = new Exchange(request, url.origin, resolve, reject)
    dispatcher.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method ?? 'GET',
        headers: { 'user-agent': USER_AGENT, ...request.headers },
        body: request.body ?? null,
        // The deadline covers both.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    )
  })
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: FetchRequest
  readonly #origin: string
  readonly #resolve: (answer: FetchAnswer) => void
  readonly #reject: (error: FetchError) => void
  readonly #timer: NodeJS.Timeout
  readonly #maxBytes: number
  readonly #chunks: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #failure: FetchError | undefined
  #status = 0
  #headers: Record<string, string> = {}
  #bytes = 0

  constructor(
    request: FetchRequest,
    origin: string,
    resolve: (answer: FetchAnswer) => void,
    reject: (error: FetchError) => void,
  ) {
    this.#request = request
    this.#origin = origin
    this.#resolve = resolve
    this.#reject = reject
    this.#maxBytes = request.maxBytes ?? MAX_BYTES
    const deadlineMs = request.deadlineMs ?? DEADLINE_MS
    this.#timer = setTimeout(() => {
      if (this.#mayCut()) this.#cut()
      else this.#fail('fetch.timeout', `no answer in ${deadlineMs} ms`)
    }, deadlineMs)
  }

  /** A connection is there and the request is about to be written: what fails from here on may have been sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#failure) return controller.abort(this.#failure)
    if (this.#controller) {
      // undici puts a request back when its connection ends in certain ways; it must not go out a second time.
      const error = this.#error('fetch.cut', 'the connection ended')
      this.#settle(error)
      return controller.abort(error)
    }
    this.#controller = controller
  }

  onResponseStart(_: unknown, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#status = status
    for (const [name, value] of Object.entries(headers))
      this.#headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '')
    const length = this.#request.method === 'HEAD' ? 0 : Number(this.#headers['content-length'])
    if (length > this.#maxBytes && !this.#mayCut()) this.#failTooLarge()
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    const room = Math.max(0, this.#maxBytes - this.#bytes)
    this.#bytes += chunk.length
    if (chunk.length <= room) this.#chunks.push(chunk)
    else if (this.#mayCut()) {
      this.#chunks.push(chunk.subarray(0, room))
      this.#cut()
    } else this.#failTooLarge()
  }

  onResponseEnd(): void {
    this.#answer()
  }

  #mayCut(): boolean {
    return this.#request.cutBody === true && this.#status > 0
  }

  /** Takes what came as the answer, and the connection is of no more use. */
  #cut(): void {
    this.#answer()
    this.#controller?.abort(this.#error('fetch.cut', 'the rest of the answer is not wanted'))
  }

  #answer(): void {
    clearTimeout(this.#timer)
    const body = Buffer.concat(this.#chunks)
    const text = (): string => body.toString('utf8')
    this.#resolve({ status: this.#status, headers: this.#headers, body, text, json: () => this.#parse(text()) })
  }

  onResponseError(_: unknown, error: Error): void {
    if (error instanceof FetchError) this.#settle(error)
    else if (this.#mayCut()) this.#answer()
    else if (this.#controller) this.#settle(this.#error('fetch.cut', 'the connection ended before the answer', error))
    else if ('code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT')
      this.#settle(this.#error('fetch.timeout', 'no connection in time', error))
    else this.#settle(this.#error('fetch.unreachable', 'no connection', error))
  }

  #failTooLarge(): void {
    this.#fail('fetch.too-large', `the answer is larger than ${this.#maxBytes} bytes`)
  }

  #fail(code: FetchError['code'], what: string): void {
    const error = this.#error(code, what)
    this.#settle(error)
    this.#controller?.abort(error)
  }

  #settle(error: FetchError): void {
    clearTimeout(this.#timer)
    this.#failure ??= error
    this.#reject(error)
  }

  #error(code: FetchError['code'], what: string, cause?: unknown): FetchError {
    return new FetchError(
      code,
      `${this.#request.label}: ${what} (${this.#origin})`,
      this.#controller !== undefined,
      cause,
    )
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch {
      // Without the cause: the parser's message quotes the body.
      throw this.#error('fetch.bad-json', `the answer (${this.#status}) is not JSON`)
    }
  }
}
