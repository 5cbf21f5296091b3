import { InvalidArgumentError, Option, type Command } from 'commander'
import type { CliContext, OpenCli } from '#platform/runtime/module'
import { createDeliveries } from '../deliveries.ts'
import { findDeliveryMerchant } from '../delivery-store.ts'
import { readEndpoints, findEndpointMerchant } from '../endpoint-store.ts'
import { noSuchDelivery, noSuchEndpoint } from '../errors.ts'
import { DELIVERY_STATES, type DeliveryState, type EndpointKey } from '../types.ts'

const ENDPOINTS_SHOWN = 100
/** Maximum batches per range, so that a mistyped range ends. */
const BATCHES_AT_MOST = 100

/** The command only writes rows. The running program sends them: its workers poll every 500 ms. */
const openDeliveries = ({ clock, ids }: CliContext) => createDeliveries({ clock, ids, wake: () => undefined })

async function findEndpointKey({ db }: CliContext, id: string): Promise<EndpointKey> {
  const merchantId = await findEndpointMerchant(db, id)
  if (merchantId === undefined) throw noSuchEndpoint(id)
  return { id, merchantId }
}

const formatTime = (at: Date | undefined): string => at?.toISOString() ?? ''

/** Declares `npx purser webhook`: list endpoints and deliveries, send test events, and redeliver. */
export function addWebhookCommands(webhook: Command, open: OpenCli): void {
  webhook
    .command('list')
    .description('list the endpoints of a merchant')
    .argument('<merchant>', 'merchant id, mer_…')
    .action(async (merchantId: string) => {
      const { db, print } = await open()
      const all = await readEndpoints(db, merchantId, ENDPOINTS_SHOWN)
      if (all.length === 0) return print('None.')
      print(
        all.map(({ id, url, events, disabledWhy, failingSince }) => ({
          id,
          // A URL path may contain a secret of the merchant.
          origin: new URL(url).origin,
          events: events.join(','),
          disabled: disabledWhy ?? '',
          failing_since: formatTime(failingSince),
        })),
      )
    })
  webhook
    .command('test')
    .description('send a webhook.test event to an endpoint, regardless of its subscriptions')
    .argument('<endpoint>', 'endpoint id, we_…')
    .action(async (id: string) => {
      const context = await open()
      const key = await findEndpointKey(context, id)
      const made = await context.db.transaction(async (tx) => {
        await context.record(tx, { action: 'webhooks.test-sent', target: id })
        return openDeliveries(context).sendTest(tx, key)
      })
      context.print(`${made.id}\nSee the result with: npx purser webhook show ${made.id}`)
    })
  listCommand(webhook, open)
  redeliverCommands(webhook, open)
}

const stateOption = (text: string): Option => new Option('--status <status>', text).choices(DELIVERY_STATES)

function listCommand(webhook: Command, open: OpenCli): void {
  webhook
    .command('deliveries')
    .description('list the deliveries of an endpoint, newest first')
    .argument('<endpoint>', 'endpoint id, we_…')
    .addOption(stateOption('only deliveries in this state'))
    .option('--limit <n>', '1 to 100', parseLimit, 20)
    .option('--cursor <id>', 'cursor from the previous page')
    .action(async (id: string, options: { status?: DeliveryState; limit: number; cursor?: string }) => {
      const context = await open()
      const { merchantId } = await findEndpointKey(context, id)
      const { status: state, limit, cursor } = options
      const query = { endpointId: id, merchantId, state, limit, cursor }
      const { items, nextCursor } = await openDeliveries(context).listDeliveries(context.db, query)
      if (items.length === 0) return context.print('None.')
      context.print(
        items.map((one) => ({
          id: one.id,
          type: one.type,
          of: one.objectId,
          status: one.state,
          tries: one.tries,
          answer: one.lastStatus ?? '',
          made: formatTime(one.createdAt),
          next: formatTime(one.nextTryAt),
        })),
      )
      if (nextCursor !== undefined) context.print(`More: --cursor ${nextCursor}`)
    })
  webhook
    .command('show')
    .description('show a delivery with its body and attempts')
    .argument('<delivery>', 'delivery id, del_…')
    .action(async (id: string) => {
      const context = await open()
      const { db, print } = context
      const merchantId = (await findDeliveryMerchant(db, id)) ?? ''
      print(JSON.stringify(await openDeliveries(context).findDelivery(db, { id, merchantId }), null, 2))
    })
}

function redeliverCommands(webhook: Command, open: OpenCli): void {
  webhook
    .command('redeliver')
    .description('redeliver one delivery')
    .argument('<delivery>', 'delivery id, del_…')
    .action(async (id: string) => {
      const context = await open()
      const merchantId = await findDeliveryMerchant(context.db, id)
      if (merchantId === undefined) throw noSuchDelivery(id)
      await context.db.transaction(async (tx) => {
        await context.record(tx, { action: 'webhooks.redelivered', target: id })
        await openDeliveries(context).redeliver(tx, { id, merchantId })
      })
      context.print(`${id} is sent again.`)
    })
  webhook
    .command('redeliver-range')
    .description('redeliver what an endpoint missed in a time range of events')
    .argument('<endpoint>', 'endpoint id, we_…')
    .requiredOption('--from <time>', 'start of the range, such as 2026-01-15T00:00:00Z', parseTime)
    .requiredOption('--to <time>', 'end of the range, exclusive', parseTime)
    .addOption(stateOption('deliveries in this state').default('failed'))
    .action(async (id: string, options: { from: Date; to: Date; status: DeliveryState }) => {
      const context = await open()
      const key = await findEndpointKey(context, id)
      const { to, status: state } = options
      const send = (from: Date): Promise<{ count: number; nextFrom: Date | undefined }> =>
        context.db.transaction(async (tx) => {
          const detail = { from: from.toISOString(), to: to.toISOString(), state }
          await context.record(tx, { action: 'webhooks.range-redelivered', target: id, detail })
          return openDeliveries(context).redeliverRange(tx, key, { from, to, state })
        })
      let from: Date | undefined = options.from
      let count = 0
      for (let batch = 0; from && batch < BATCHES_AT_MOST; batch++) {
        const done = await send(from)
        count += done.count
        from = done.nextFrom
      }
      context.print(
        `${count} deliveries are sent again.${from ? ` There may be more from ${from.toISOString()} on.` : ''}`,
      )
    })
}

function parseLimit(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number.parseInt(text, 10) : 0
  if (limit < 1 || limit > 100) throw new InvalidArgumentError('Use a limit from 1 to 100.')
  return limit
}

function parseTime(text: string): Date {
  const at = new Date(text)
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(at.getTime()))
    throw new InvalidArgumentError('Use a time such as 2026-01-15T00:00:00Z.')
  return at
}
