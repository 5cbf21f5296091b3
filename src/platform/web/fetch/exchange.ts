import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { startDeadline } from '../../base/deadline.ts'
import { isOutOfDescriptors } from '../../base/descriptors.ts'
import { FetchError } from './errors.ts'

export interface FetchRequest {
  /** Default: GET. */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  headers?: Record<string, string>
  body?: string | Buffer
  /**
   * Deadline in milliseconds of running time from the connection attempt to the last byte of the response. Default: 10 s. A process that
   * was frozen meanwhile still reads an answer that has arrived.
   */
  deadlineMs?: number
  /** Maximum size of the response body. Default: 1 MiB. */
  maxBytes?: number
  /**
   * Accepts a response once its head has arrived, with the part of the body received before `maxBytes` or the deadline. For calls that
   * need only the status.
   */
  truncateBody?: boolean
  /** A constant such as `daraja.stkpush`, for log and metrics. The path of the URL may contain secrets and is never logged. */
  label: string
}

/** A complete HTTP response with any status, including redirects and errors. */
export interface FetchAnswer {
  readonly status: number
  /** Headers by lower-case name. Several values of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  text(): string
  /** Throws FetchError `fetch.bad-json`. */
  json(): unknown
}

const DEADLINE_MS = 10_000
const MAX_BYTES = 1024 * 1024
const USER_AGENT = 'purser'

/** Sends one request over a connection of `dispatcher`. Never follows redirects and never resends. Throws only FetchError. */
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
        // The deadline already covers head and body.
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
  readonly #cancelDeadline: () => void
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
    this.#cancelDeadline = startDeadline(deadlineMs, () => {
      if (this.#mayTruncate()) this.#truncate()
      else this.#fail('fetch.timeout', `no response within ${deadlineMs} ms`)
    })
  }

  /** Called when a connection is open and the request is about to be written. A later failure may have been sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#failure) return controller.abort(this.#failure)
    if (this.#controller) {
      // undici requeues a request when its connection ends in certain ways. It must not be sent a second time.
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
    if (length > this.#maxBytes && !this.#mayTruncate()) this.#failTooLarge()
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    const room = Math.max(0, this.#maxBytes - this.#bytes)
    this.#bytes += chunk.length
    if (chunk.length <= room) this.#chunks.push(chunk)
    else if (this.#mayTruncate()) {
      this.#chunks.push(chunk.subarray(0, room))
      this.#truncate()
    } else this.#failTooLarge()
  }

  onResponseEnd(): void {
    this.#resolveAnswer()
  }

  #mayTruncate(): boolean {
    return this.#request.truncateBody === true && this.#status > 0
  }

  /** Resolves with the received part of the body and closes the connection. */
  #truncate(): void {
    this.#resolveAnswer()
    this.#controller?.abort(this.#error('fetch.cut', 'the rest of the response is not needed'))
  }

  #resolveAnswer(): void {
    this.#cancelDeadline()
    const body = Buffer.concat(this.#chunks)
    const text = (): string => body.toString('utf8')
    this.#resolve({ status: this.#status, headers: this.#headers, body, text, json: () => this.#parse(text()) })
  }

  onResponseError(_: unknown, error: Error): void {
    if (error instanceof FetchError) this.#settle(error)
    else if (this.#mayTruncate()) this.#resolveAnswer()
    else if (this.#controller) this.#settle(this.#error('fetch.cut', 'the connection ended before the response', error))
    else if ('code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT')
      this.#settle(this.#error('fetch.timeout', 'no connection within the time limit', error))
    else if (isOutOfDescriptors(error))
      this.#settle(this.#error('fetch.unreachable', 'no free file descriptor, raise ulimit -n', error))
    else this.#settle(this.#error('fetch.unreachable', 'no connection', error))
  }

  #failTooLarge(): void {
    this.#fail('fetch.too-large', `the response is larger than ${this.#maxBytes} bytes`)
  }

  #fail(code: FetchError['code'], reason: string): void {
    const error = this.#error(code, reason)
    this.#settle(error)
    this.#controller?.abort(error)
  }

  #settle(error: FetchError): void {
    this.#cancelDeadline()
    this.#failure ??= error
    this.#reject(error)
  }

  #error(code: FetchError['code'], reason: string, cause?: unknown): FetchError {
    return new FetchError(
      code,
      `${this.#request.label}: ${reason} (${this.#origin})`,
      this.#controller !== undefined,
      cause,
    )
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch {
      // Omit the cause: the parser's message quotes the body.
      throw this.#error('fetch.bad-json', `the response (${this.#status}) is not JSON`)
    }
  }
}
