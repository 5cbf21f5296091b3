import { waitFor } from '../wait.ts'
import type { Cluster } from './cluster.ts'
import type { Instance } from './instances.ts'
import type { PostgresServer } from './postgres.ts'

/** Provider events that workers have claimed and cannot finish yet. */
export interface HeldEvents {
  readonly keys: readonly string[]
  /** Lets the workers finish them. */
  release(): Promise<void>
}

const HELD_AT_LEAST = 3

/** Blocks the recording of receipts until each of these workers has claimed provider events. */
export async function holdEvents({ primary }: Cluster, workers: readonly Instance[]): Promise<HeldEvents> {
  const release = await primary.hold('lock table payments.receipts in share mode', 'purser')
  const keys = await waitFor('the workers to claim provider events', async () => {
    const rows = await listClaimed(primary)
    const isHolder = ({ pid }: Instance): boolean => rows.filter((row) => row.pid === pid).length >= HELD_AT_LEAST
    return workers.every(isHolder) && rows.map(({ key }) => key)
  })
  return { keys, release }
}

const listClaimed = (primary: PostgresServer): Promise<{ key: string; pid: number }[]> =>
  primary.query(
    `select e.event_key as key, i.pid from inbox.events e join platform.instances i on i.id = e.claimed_by where e.state = 'new'`,
    [],
    'purser',
  )

/** Counts the events that no worker has finished. */
export async function countUnfinished({ primary }: Cluster, { keys }: HeldEvents): Promise<number> {
  const unfinished = `select from inbox.events where state = 'new' and event_key = any($1)`
  return (await primary.query(unfinished, [keys], 'purser')).length
}
