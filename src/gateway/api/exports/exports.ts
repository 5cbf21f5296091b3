import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Scope } from '#identity'
import { addMs } from '#platform/base/clock'
import { AppError } from '#platform/base/errors'
import type { HttpServer, Reply } from '#platform/web/http'
import {
  createConcurrencyLimit,
  createSemaphore,
  withSemaphore,
  type ConcurrencyLimit,
  type Semaphore,
} from '../../concurrency.ts'
import {
  ledgerLine,
  paymentLine,
  receiptLine,
  refundLine,
  renderIntent,
  renderLine,
  renderReceipt,
  renderRefundLine,
} from './rows.ts'
import { refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'
import { exportQuery } from '../../resources/payment.ts'
import { TABLES, type Row, type Table } from './formats.ts'

interface Span {
  readonly merchantId: string
  readonly from: Date
  readonly to: Date
}

/** One exportable list. */
interface Kind {
  readonly name: string
  readonly scope: Scope
  readonly says: string
  readonly line: z.ZodObject
  pages(span: Span): AsyncGenerator<readonly Row[], void>
}

const DAY_MS = 24 * 60 * 60_000
const USUAL_DAYS = 31
const MOST_DAYS = 366
/** Maximum pages that one process reads concurrently, so that exports leave the database to payments. */
const PAGES_AT_ONCE = 4
/** Maximum concurrent exports in one process. Each holds a connection and one page of rows in memory. */
const MOST_AT_ONCE = 100
/** A client that reads nothing for this long is disconnected, even if the network reports no error. */
const STALLED_MS = 120_000
/** Maximum duration of an export, however slowly the client reads. A million rows take a few minutes. */
const LONGEST_MS = 3_600_000

export function exportRoutes(app: HttpServer, api: Api): void {
  const slots: Route['slots'] = { merchants: createConcurrencyLimit(1), all: createConcurrencyLimit(MOST_AT_ONCE) }
  const semaphore = createSemaphore(PAGES_AT_ONCE)
  for (const kind of kindsOf(api)) {
    for (const format of ['csv', 'json'] as const) exportRoute(app, api, { kind, format, slots, semaphore })
  }
}

const kindsOf = ({ db, payments, ledger }: Api): readonly Kind[] => [
  {
    name: 'payments',
    scope: 'payments:read',
    says: 'by the time of their creation',
    line: paymentLine,
    pages: (span) => mapPages(payments.exports.intents(db, span), renderIntent),
  },
  {
    name: 'receipts',
    scope: 'payments:read',
    says: 'by the time at which they were recorded, so that the list of a past period never changes',
    line: receiptLine,
    pages: (span) => mapPages(payments.exports.receipts(db, span), renderReceipt),
  },
  {
    name: 'refunds',
    scope: 'payments:read',
    says: 'by the time of their creation',
    line: refundLine,
    pages: (span) => mapPages(payments.exports.refunds(db, span), renderRefundLine),
  },
  {
    name: 'ledger',
    scope: 'balance:read',
    says: '(all movements on your accounts)',
    line: ledgerLine,
    pages: ({ merchantId, from, to }) => {
      const prefix = `merchant:${merchantId}:`
      return mapPages(ledger.history(db, { prefix, from, to }), renderLine(prefix))
    },
  },
]

async function* mapPages<T>(pages: AsyncIterable<readonly T[]>, render: (line: T) => Row): AsyncGenerator<Row[], void> {
  for await (const page of pages) yield page.map(render)
}

interface Route {
  readonly kind: Kind
  readonly format: keyof typeof TABLES
  readonly slots: Readonly<Record<'merchants' | 'all', ConcurrencyLimit>>
  readonly semaphore: Semaphore
}

function exportRoute(app: HttpServer, { access, clock }: Api, { kind, format, slots, semaphore }: Route): void {
  const { name, scope, says, line } = kind
  const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
  const asJson = z
    .array(line)
    .meta({ id: `${upper(name)}LineList`, description: 'All rows of the period, oldest first' })
  const asCsv = {
    description: 'CSV (RFC 4180, UTF-8) with a header line, oldest first',
    content: { 'text/csv': { schema: z.string() } },
  }
  app.route({
    method: 'GET',
    url: `/api/v1/exports/${name}.${format}`,
    onRequest: access.require(scope),
    config: { refusals: refusals('gateway.export-running', 'gateway.too-many-exports') },
    schema: {
      operationId: `export${upper(name)}${upper(format)}`,
      tags: ['Exports'],
      security: [{ bearer: [] }],
      summary: `Export ${name} as ${format === 'csv' ? 'CSV' : 'JSON'}`,
      description: `Streams rows of ${name} ${says}, oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. ${FORMAT_NOTES[format]}`,
      querystring: exportQuery,
      response: { 200: format === 'csv' ? asCsv : asJson },
    },
    handler: async (request, reply) => {
      const { merchantId } = access.callerOf(request)
      const span = { merchantId, ...requireRange(request.query, clock.now()) }
      const release = takeSlot(slots, merchantId)
      reply.raw.once('close', release)
      try {
        const pages = withSemaphore(semaphore, kind.pages(span))
        const text = await withFirstPart(write(TABLES[format], Object.keys(line.shape), pages), release)
        const file = `${name}-${dayOf(span.from)}-${dayOf(span.to)}.${format}`
        cutSlow(reply)
        return await reply
          .header('content-disposition', `attachment; filename="${file}"`)
          .type(TABLES[format].type)
          .send(Readable.from(text))
      } catch (error) {
        release()
        throw error
      }
    },
  })
}

const FORMAT_NOTES = {
  csv: 'A cell that a spreadsheet would run as a formula begins with an apostrophe.',
  json: 'One array with one row per line. A truncated file lacks the closing bracket.',
} as const

/** Returns the requested period, by default the last 31 days. Throws 422 `validation-failed`. */
function requireRange(query: z.output<typeof exportQuery>, now: Date): { from: Date; to: Date } {
  const to = query.to === undefined ? now : new Date(query.to)
  const from = query.from === undefined ? addMs(to, -USUAL_DAYS * DAY_MS) : new Date(query.from)
  const refuse = (param: string, message: string): never => {
    throw new AppError('validation-failed', 422, `${param} ${message}`, { param })
  }
  if (from >= to) refuse('from', 'must be before to')
  if (to.getTime() - from.getTime() > MOST_DAYS * DAY_MS)
    refuse('from', `is more than ${MOST_DAYS} days before to: export one year at a time`)
  return { from, to }
}

const RETRY_SECONDS = 10

/** Takes one slot of the merchant and one of all merchants. @returns a function that releases both; repeatable */
function takeSlot({ merchants, all }: Route['slots'], merchantId: string): () => void {
  const release = merchants.take(merchantId)
  if (!release) {
    const said = 'An export of this merchant is already running: wait until it ends, or cancel it.'
    throw new AppError('gateway.export-running', 429, said, { retryAfterSeconds: RETRY_SECONDS })
  }
  const shared = all.take('')
  if (shared) {
    return () => {
      release()
      shared()
    }
  }
  release()
  throw new AppError('gateway.too-many-exports', 503, 'Too many exports are running: try again in a moment.', {
    retryAfterSeconds: RETRY_SECONDS,
  })
}

async function* write(
  table: Table,
  columns: readonly string[],
  pages: AsyncIterable<readonly Row[]>,
): AsyncGenerator<string> {
  let text = table.begin(columns)
  let first = true
  for await (const page of pages) {
    yield text + table.rows(page, columns, first)
    text = ''
    first = false
  }
  yield text + table.end()
}

/** Produces the first part before it returns, so that an immediate failure is an error response and not a truncated file. */
async function withFirstPart(parts: AsyncGenerator<string>, end: () => void): Promise<AsyncIterable<string>> {
  const first = await parts.next()
  return (async function* () {
    try {
      if (first.done) return
      yield first.value
      yield* parts
    } finally {
      // Release before the client sees the end, because it may request the next export immediately.
      end()
    }
  })()
}

function cutSlow({ raw }: Reply): void {
  raw.setTimeout(STALLED_MS, () => raw.destroy())
  const last = setTimeout(() => raw.destroy(), LONGEST_MS)
  raw.once('close', () => clearTimeout(last))
}

const dayOf = (at: Date): string => at.toISOString().slice(0, 10)
