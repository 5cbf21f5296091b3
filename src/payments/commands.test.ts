import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { AppError } from '#platform/base/errors'
import type { CliContext, CliRecord } from '#platform/runtime/module'
import { openTestDatabase } from '../../test/database.ts'
import { kes, openTrial, received, schemas } from './fixture.ts'

void test('parked events are listed, and a retry handles them once the rail understands them', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const { id } = await trial.payments.startAttempt({
    intentId: intent.id,
    merchantId: 'mer_1',
    method: 'card',
    payer: {},
    returnUrl: 'https://x.example',
  })
  const headers = { 'x-signature': 'good', 'x-event': 'evt_1' }
  const request = { method: 'POST', url: '/api/webhook/cards', payload: '{"fact":0}' } as const
  await trial.app.inject({ ...request, headers })
  await trial.pass()
  const printed: unknown[] = []
  const recorded: string[] = []
  const record = (_: unknown, { action, target }: CliRecord): void => void recorded.push(`${action} ${target}`)
  const context = { db: trial.db, clock: trial.clock, record, print: (what: unknown) => void printed.push(what) }
  const run = async (...words: string[]): Promise<void> => {
    const program = new Command()
    trial.inbox.commands?.(program, () => Promise.resolve(context as unknown as CliContext))
    await program.parseAsync(['payments', ...words], { from: 'user' })
  }
  await run('parked')
  const [[parked]] = printed as [[{ rail: string; eventKey: string; note: string }]]
  assert.deepEqual([parked.rail, parked.eventKey], ['cards', 'evt_1'])
  assert.match(parked.note, /^not understood/)
  await run('show', 'cards', 'evt_1')
  assert.match(String(printed.at(-1)), /^not understood.*\n\n[^]*"fact":0/)

  // A new version of the rail understands it.
  trial.page.says({
    about: { attemptId: id },
    outcome: received({ id: 'ch_1', gross: kes(150_000n) }),
    needsCheck: false,
  })
  await run('retry', 'cards', 'evt_1')
  await trial.pass()
  assert.equal((await trial.find(intent.id)).status, 'paid')
  await assert.rejects(run('retry', 'cards', 'evt_1'), (error) => error instanceof AppError && error.status === 404)
  await run('parked')
  assert.equal(printed.at(-1), 'No event is parked.')

  await trial.app.inject({ ...request, payload: '{"fact":9}', headers: { ...headers, 'x-event': 'evt_2' } })
  await trial.pass()
  await run('close', 'cards', 'evt_2', '--note', 'a test of the provider')
  await run('parked')
  assert.equal(printed.at(-1), 'No event is parked.')
  await assert.rejects(run('close', 'cards', 'evt_2', '--note', 'again'), { code: 'payments.not-found' })
  assert.deepEqual(recorded, ['payments.event-retried cards evt_1', 'payments.event-closed cards evt_2'])
})
