import { sql, type Queryable } from '#platform/database/db'
import type { FaultKind, Place } from './kinds.ts'

export interface Fault {
  readonly kind: FaultKind
  readonly percent: number
  readonly delayMs: number
}

export interface PlannedFault extends Fault {
  readonly timesLeft: number
}

/** Plans one fault per place, replacing a planned one. `timesLeft` 0 ends the fault. */
export async function planFault(q: Queryable, provider: string, place: Place, fault: PlannedFault): Promise<void> {
  const { kind, percent, delayMs, timesLeft } = fault
  await q.run(sql`insert into sandbox.faults (provider, place, kind, times_left, percent, delay_ms)
    values (${provider}, ${place}, ${kind}, ${timesLeft}, ${percent}, ${delayMs})
    on conflict (provider, place) do update set kind = excluded.kind, times_left = excluded.times_left,
      percent = excluded.percent, delay_ms = excluded.delay_ms`)
}

/** Returns the fault of this response or delivery and decrements its count. */
export const takeFault = (q: Queryable, provider: string, place: Place): Promise<Fault | undefined> =>
  q.maybe<Fault>(sql`update sandbox.faults set times_left = times_left - 1
    where provider = ${provider} and place = ${place} and times_left > 0
    returning kind, percent, delay_ms as "delayMs"`)

export const listFaults = (q: Queryable, provider: string): Promise<PlannedFault[]> =>
  q.many<PlannedFault>(sql`select kind, percent, delay_ms as "delayMs", times_left as "timesLeft" from sandbox.faults
    where provider = ${provider} and times_left > 0 order by place limit 2`)
