import { test } from 'node:test'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { waitFor } from '../../../../test/wait.ts'
import { rawSql, sql } from '../../database/db.ts'
import { platformSchema } from '../../database/schema.ts'
import { createMemoryLog } from '../../observe/log.ts'
import type { DueQueue } from '../jobs.ts'
import { openTestJobs } from './fixture.ts'

const WORKER = { web: false, worker: true }

interface Row {
  readonly id: string
  readonly claim: bigint
}

/** Creates a table of due rows and a queue over it, whose handler leaves each row to be given back. */
async function createRows({ owner, db }: TestDatabase, name: string, ids: readonly string[]) {
  const table = `trial.${name}`
  await owner.run(rawSql('create schema if not exists trial; grant usage on schema trial to purser_app'))
  await owner.run(
    rawSql(`create table ${table} (id text primary key, due_at timestamptz not null default 'epoch', claimed_by text,
      claim bigint not null default 0); grant all on ${table} to purser_app`),
  )
  await owner.run(sql`insert into ${rawSql(table)} (id) select unnest(${ids}::text[])`)
  const queue: DueQueue<Row> = {
    ...{ name: `test.${name}`, concurrency: 4, batch: 8, idleMs: 20 },
    claims: { table, keyOf: ({ id }) => ({ id }) },
    claim: (limit, now, holder) =>
      db.many<Row>(sql`update ${rawSql(table)} set claimed_by = ${holder}, claim = claim + 1 where id in (
        select id from ${rawSql(table)} where due_at <= ${now} and claimed_by is null limit ${limit} for update skip locked)
        returning id, claim`),
    handle: () => Promise.resolve(),
  }
  /** Lists the rows that are claimed, or were never claimed. */
  const unfinished = async (): Promise<string[]> =>
    (
      await owner.many<Row>(
        sql`select id from ${rawSql(table)} where claimed_by is not null or claim = 0 order by id limit 10`,
      )
    ).map(({ id }) => id)
  const add = (id: string): Promise<number> => owner.run(sql`insert into ${rawSql(table)} (id) values (${id})`)
  return { queue, unfinished, add }
}

test('a claim that cannot be given back is logged, and holds up neither other rows nor other queues', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t, 'rows', ['bad', 'good'])
  const beside = await createRows(t, 'beside', ['first'])
  await t.owner.run(
    rawSql(`create function trial.refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
      create trigger refuse before update on trial.rows for each row
      when (old.id = 'bad' and old.claimed_by is not null and new.claimed_by is null) execute function trial.refuse()`),
  )
  const log = createMemoryLog()
  await using jobs = openTestJobs({ ...t, queues: [rows.queue, beside.queue], log })
  await jobs.start(WORKER)
  const isLogged = (): boolean =>
    log.entries.some(({ message }) => message === 'a claim could not be given back; it is tried again')
  await waitFor('the failure to be logged', isLogged)
  await Promise.all([rows.add('later'), beside.add('later')])
  await waitFor('the other rows of the table', async () => (await rows.unfinished()).join() === 'bad')
  await waitFor('the other queue', async () => (await beside.unfinished()).length === 0)
  await t.owner.run(rawSql('drop trigger refuse on trial.rows'))
  await waitFor('the row to be given back', async () => (await rows.unfinished()).length === 0)
})

test('a claim on a locked row is given back when the lock ends, and holds up neither other rows nor other queues', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t, 'rows', ['locked', 'good'])
  const beside = await createRows(t, 'beside', ['first'])
  const held = Promise.withResolvers<void>()
  const queue: DueQueue<Row> = {
    ...rows.queue,
    handle: ({ id }) => (id === 'locked' ? held.promise : Promise.resolve()),
  }
  await using jobs = openTestJobs({ ...t, queues: [queue, beside.queue] })
  await jobs.start(WORKER)
  await waitFor('the claim', async () => (await rows.unfinished()).join() === 'locked')
  await t.owner.transaction(async (tx) => {
    await tx.run(sql`select 1 from trial.rows where id = 'locked' for update`)
    held.resolve()
    await Promise.all([rows.add('later'), beside.add('later')])
    await waitFor('the other rows of the table', async () => (await rows.unfinished()).join() === 'locked')
    await waitFor('the other queue', async () => (await beside.unfinished()).length === 0)
    // The table itself is locked, so its own queue waits.
    await tx.run(rawSql('lock table trial.rows in access exclusive mode'))
    await beside.add('last')
    await waitFor('the other queue', async () => (await beside.unfinished()).length === 0)
  })
  await waitFor('the row to be given back', async () => (await rows.unfinished()).length === 0)
})
