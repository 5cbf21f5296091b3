import { z } from 'zod'
import type { Db } from '#platform/database/db'
import type { HttpServer } from '#platform/web/http'
import type { Gate } from '../access.ts'
import { ANSWER_FAULTS, DELIVERY_FAULTS, placeOf, PRICE_FAULTS, type FaultKind } from './kinds.ts'
import { listFaults, planFault, type PlannedFault } from './store.ts'

/** A provider that can fail, and its kinds of faults. `paths` are its names in the controls. */
export interface FaultyProvider {
  readonly provider: string
  readonly paths: readonly string[]
  readonly kinds: readonly FaultKind[]
}

const answers = Object.keys(ANSWER_FAULTS) as FaultKind[]
const deliveries = Object.keys(DELIVERY_FAULTS) as FaultKind[]
const prices = Object.keys(PRICE_FAULTS) as FaultKind[]

const rail = (provider: string, ...more: readonly string[]): FaultyProvider => ({
  provider,
  paths: [provider, ...more],
  kinds: [...answers, ...deliveries],
})
const only = (provider: string, kinds: readonly FaultKind[]): FaultyProvider => ({ provider, paths: [provider], kinds })

/** Lists the providers that can fail. `simulators` are the names from `simulators.ts`. */
export const faultyProviders = (
  simulators: readonly string[],
  priceSources: readonly string[],
): readonly FaultyProvider[] => [
  rail('daraja', 'mpesa'),
  rail('stripe'),
  ...simulators.map((name) => rail(name)),
  only('bitcoin', answers),
  ...priceSources.map((source) => only(source, [...answers, ...prices])),
]

export function faultControls(providers: readonly FaultyProvider[]): Readonly<Record<string, string>> {
  const kindsByPlace = { answers, deliveries, 'price sources': prices }
  const kindTexts = Object.entries(kindsByPlace).map(([place, kinds]) => `${place}: ${kinds.join(', ')}`)
  const names = providers.flatMap(({ paths }) => paths).join('|')
  return {
    [`POST /sandbox/{${names}}/faults`]: `{"kind", "count":1}: makes the next "count" responses or deliveries fail; 0 ends the fault. Kinds of ${kindTexts.join('; ')}`,
    'GET /sandbox/{provider}/faults': 'planned faults',
  }
}

export function addFaultControls(
  app: HttpServer,
  { db, gate }: { db: Db; gate: Gate },
  providers: readonly FaultyProvider[],
): void {
  for (const { provider, paths, kinds } of providers) {
    const body = z.strictObject({
      kind: z.enum(kinds, `must be one of ${kinds.join(', ')}`),
      count: z.int().min(0).max(1_000_000).default(1),
      percent: z.int().min(1).max(100_000).default(150),
      delay_ms: z.int().min(1).max(600_000).default(60_000),
    })
    for (const path of paths) {
      const url = `/sandbox/${path}/faults`
      app.post(url, { onRequest: gate, schema: { hide: true, body } }, async (request, reply) => {
        const { kind, count, percent, delay_ms: delayMs } = request.body
        await planFault(db, provider, placeOf(kind), { kind, percent, delayMs, timesLeft: count })
        return reply.send({ provider, kind, count })
      })
      app.get(url, { onRequest: gate, schema: { hide: true } }, async (_, reply) =>
        reply.send({ provider, faults: (await listFaults(db, provider)).map(render) }),
      )
    }
  }
}

const render = ({ kind, timesLeft, percent, delayMs }: PlannedFault): object => ({
  kind,
  count: timesLeft,
  ...(kind === 'lying' ? { percent } : {}),
  ...(kind === 'slow' ? { delay_ms: delayMs } : {}),
})
