import type { Command } from 'commander'
import { addMs } from '#platform/base/clock'
import { AppError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import { closeParked, findParked, listParked, reopenEvent } from './store.ts'

const MAX_LISTED = 100
const RETRY_MS = 60 * 60_000
/** Maximum characters of an event to print. */
const MAX_SHOWN_CHARS = 20_000

/** Adds `parked`, `show`, `retry` and `close`: provider events that wait for an operator. */
export function parkedCommands(payments: Command, open: OpenCli): void {
  payments
    .command('parked')
    .description(`list the ${MAX_LISTED} oldest parked events`)
    .action(async () => {
      const { db, print } = await open()
      const events = await listParked(db, MAX_LISTED)
      print(events.length === 0 ? 'No event is parked.' : events.map((event) => ({ ...event })))
    })
  const onParked = (name: string, description: string): Command =>
    payments
      .command(name)
      .description(description)
      .argument('<rail>', 'such as mpesa')
      .argument('<event>', 'eventKey of the event, from npx purser payments parked')
  onParked('show', 'print the event’s body and the reason why it is parked').action(
    async (rail: string, eventKey: string) => {
      const { db, print } = await open()
      const event = (await findParked(db, { rail, eventKey })) ?? notParked()
      print(`${event.note ?? 'no reason recorded'}\n\n${event.raw.toString('utf8').slice(0, MAX_SHOWN_CHARS)}`)
    },
  )
  onParked('retry', 'handle a parked event again, with retries for an hour').action(
    async (rail: string, eventKey: string) => {
      const { db, clock, print, record } = await open()
      const now = clock.now()
      await db.transaction(async (tx) => {
        if (!(await reopenEvent(tx, { rail, eventKey }, now, addMs(now, RETRY_MS)))) notParked()
        await record(tx, { action: 'payments.event-retried', target: `${rail} ${eventKey}` })
      })
      print('The event will be handled again within a second.')
    },
  )
  onParked('close', 'close a parked event without handling it; nothing is credited for it')
    .requiredOption('--note <text>', 'the reason, for the audit log')
    .action(async (rail: string, eventKey: string, { note }: { note: string }) => {
      const { db, print, record } = await open()
      await db.transaction(async (tx) => {
        if (!(await closeParked(tx, { rail, eventKey }, note))) notParked()
        await record(tx, { action: 'payments.event-closed', target: `${rail} ${eventKey}`, detail: { note } })
      })
      print('The event is closed. Its body stays in the database for 90 days.')
    })
}

function notParked(): never {
  throw new AppError(
    'payments.not-found',
    404,
    'No event with this rail and key is parked. List them: npx purser payments parked',
  )
}
