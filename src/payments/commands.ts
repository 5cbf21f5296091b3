import type { Command } from 'commander'
import { addMs } from '#platform/clock'
import { AppError } from '#platform/errors'
import type { OpenCli } from '#platform/module'
import { listParked, reopenEvent } from './inbox-store.ts'

const MOST = 100
const RETRY_MS = 60 * 60_000

/** `purser payments …`: what waits for a person. */
export function paymentsCommands(program: Command, open: OpenCli): void {
  const payments = program.command('payments').description('events of providers that wait for a person')
  payments
    .command('parked')
    .description(`lists the ${MOST} oldest`)
    .action(async () => {
      const { db, print } = await open()
      const events = await listParked(db, MOST)
      print(events.length === 0 ? 'Nothing is parked.' : events.map((event) => ({ ...event })))
    })
  payments
    .command('retry')
    .description('handles a parked event again, for an hour')
    .argument('<rail>')
    .argument('<event>', 'its eventKey')
    .action(async (rail: string, eventKey: string) => {
      const { db, clock, print } = await open()
      const now = clock.now()
      if (!(await reopenEvent(db, { rail, eventKey }, now, addMs(now, RETRY_MS)))) {
        throw new AppError(
          'payments.not-found',
          404,
          'No event of this rail and key is parked. See: purser payments parked',
        )
      }
      print('It will be handled again within a second.')
    })
}
