import type { Stripe } from 'stripe'
import type { Fetch, FetchAnswer } from '#platform/web/fetch'

/** Headers that Stripe needs. The library's other headers describe the machine. */
const SENT_HEADERS = ['authorization', 'content-type', 'idempotency-key', 'stripe-version', 'stripe-account', 'accept']
const DEADLINE_MS = 20_000

/** Creates the library's HTTP client over ours, so its requests have the deadline, size limit and log of all others. */
export function createHttpClient(fetch: Fetch, baseUrl: () => string): Stripe.HttpClient {
  return {
    getClientName: () => 'purser',
    makeRequest: async (...[, , path, method, headers, body]) => {
      const answer = await fetch({
        method: method === 'POST' ? 'POST' : 'GET',
        url: baseUrl() + path,
        headers: { ...pick(headers), 'user-agent': 'Purser' },
        ...(method === 'POST' ? { body: body ?? '' } : {}),
        deadlineMs: DEADLINE_MS,
        label: labelOf(path),
      })
      return answerOf(answer)
    },
  }
}

const answerOf = (answer: FetchAnswer): Stripe.HttpClientResponse => ({
  getStatusCode: () => answer.status,
  getHeaders: () => ({ ...answer.headers }),
  getRawResponse: () => ({}),
  toStream: () => answer.body,
  // Wrap in a promise: a body that is not JSON must reject instead of throwing into the library.
  toJSON: () => Promise.resolve().then(() => answer.json()),
})

function pick(headers: object): Record<string, string> {
  const entries = Object.entries(headers).filter(
    ([name, value]) => SENT_HEADERS.includes(name.toLowerCase()) && value != null,
  )
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]))
}

/** `/v1/checkout/sessions/cs_test_1` → `stripe.checkout.sessions`: no ids in the log and the metrics. */
function labelOf(path: string): string {
  const [, , ...parts] = (path.split('?')[0] ?? '').split('/')
  return ['stripe', ...parts.filter((part) => !/^[a-z]{2,4}_/.test(part))].join('.')
}
