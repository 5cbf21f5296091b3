import { monotonicMs } from '#platform/base/clock'
import type { HttpServer, Reply, Request } from '#platform/web/http'

const WINDOW_MS = 5 * 60_000
const SLOT_MS = 15_000
const SLOTS = WINDOW_MS / SLOT_MS

interface Slot {
  number: number
  count: number
  ms: number
}

/**
 * Measures the response times of routes under `prefix` that are added after this call. It covers this process only and keeps its data in memory.
 * @returns a function that returns the mean response time of the last five minutes in milliseconds, undefined without requests
 */
export function createResponseTimer(app: HttpServer, prefix: string): () => number | undefined {
  const slots: Slot[] = Array.from({ length: SLOTS }, () => ({ number: -1, count: 0, ms: 0 }))
  const numberOf = (): number => Math.floor(monotonicMs() / SLOT_MS)
  const add = (_: Request, { elapsedTime }: Reply, done: () => void): void => {
    const number = numberOf()
    const slot = slots[number % SLOTS]
    if (slot?.number === number) {
      slot.count++
      slot.ms += elapsedTime
    } else slots[number % SLOTS] = { number, count: 1, ms: elapsedTime }
    done()
  }
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith(prefix)) route.onResponse = [...[route.onResponse ?? []].flat(), add]
  })
  return () => {
    const oldest = numberOf() - SLOTS
    const recent = slots.filter(({ number }) => number > oldest)
    const count = recent.reduce((sum, slot) => sum + slot.count, 0)
    return count === 0 ? undefined : recent.reduce((sum, slot) => sum + slot.ms, 0) / count
  }
}
