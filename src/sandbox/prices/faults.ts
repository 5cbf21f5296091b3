import type { Reply, Request } from '#platform/http'

/** How a price source can misbehave. `lying`, `stale` and `ahead` answer well-formed nonsense. */
export const FAULTS = {
  down: 'closes the connection',
  slow: 'never answers',
  '429': 'asks for patience, with Retry-After: 180',
  '500': 'answers 500',
  'bad-json': 'answers half a document',
  'wrong-types': 'answers JSON of another form',
  huge: 'answers 10 MB',
  lying: 'multiplies every price by percent / 100',
  stale: 'gives prices of an hour ago (coingecko alone dates them)',
  ahead: 'has a clock that is an hour ahead (coingecko)',
} as const

export type FaultKind = keyof typeof FAULTS

const RETRY_AFTER_SECONDS = 180
const HUGE_BYTES = 10 * 1024 * 1024

/** Answers as the fault would; undefined when the answer is to be an ordinary one, or one that is only wrong. */
export function misbehave(kind: FaultKind, request: Request, reply: Reply): Reply | undefined {
  switch (kind) {
    case 'down':
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    case 'slow':
      return reply.hijack()
    case '429':
      return reply
        .status(429)
        .header('retry-after', RETRY_AFTER_SECONDS)
        .send({ status: { error_code: 429 } })
    case '500':
      return reply.status(500).send({ error: 'Internal Server Error' })
    case 'bad-json':
      return reply.type('application/json').send('{"data": {"currency": "BTC", "rates": {"USD": "6')
    case 'wrong-types':
      return reply.send({
        data: ['BTC'],
        bitcoin: { usd: true, kes: null },
        error: [],
        result: { XXBTZUSD: { c: [7] } },
      })
    case 'huge':
      return reply.type('application/json').send(`{"data": "${'x'.repeat(HUGE_BYTES)}"}`)
    case 'lying':
    case 'stale':
    case 'ahead':
      return undefined
  }
}
