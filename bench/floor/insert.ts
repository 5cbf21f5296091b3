// The least that a program can do to store a POST: Fastify without a logger and one prepared INSERT through a pool of 10, with its own
// PostgreSQL and the product's settings.
import { randomUUID } from 'node:crypto'
import fastify from 'fastify'
import pg from 'pg'
import { startPostgres } from '#platform/database/postgres'

const { DATA_DIR: dataDir = '', PORT: port = '0' } = process.env
const postgres = await startPostgres({ dataDir })
const owner = new pg.Client(postgres.owner)
await owner.connect()
await owner.query(`create schema floor;
  create table floor.payments (id text primary key, amount text not null, currency text not null, description text, reference text,
    created_at timestamptz not null);
  create table floor.events (id text primary key, raw bytea not null, received_at timestamptz not null);
  grant usage on schema floor to purser_app;
  grant insert on all tables in schema floor to purser_app`)
await owner.end()

const pool = new pg.Pool({ ...postgres.app, max: 10 })
// PostgreSQL may stop before it has read the end of a connection. The resulting error must not crash the floor.
pool.on('error', () => undefined)
const app = fastify()

app.post('/payments', async (request, reply) => {
  const { amount, currency, description, reference } = request.body as Record<string, string>
  const payment = { id: randomUUID(), amount, currency, description, reference, created_at: new Date() }
  await pool.query({
    name: 'payment',
    text: 'insert into floor.payments (id, amount, currency, description, reference, created_at) values ($1, $2, $3, $4, $5, $6)',
    values: Object.values(payment),
  })
  return reply.code(201).send(payment)
})

await app.register(async (raw) => {
  raw.removeAllContentTypeParsers()
  raw.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  raw.post('/events/:token', async (request) => {
    await pool.query({
      name: 'event',
      text: 'insert into floor.events (id, raw, received_at) values ($1, $2, $3)',
      values: [randomUUID(), request.body, new Date()],
    })
    return { ResultCode: 0, ResultDesc: 'Accepted' }
  })
})

app.get('/health', () => 'ok')
await app.listen({ port: Number(port), host: '127.0.0.1' })
process.once('SIGTERM', () => void stop())

async function stop(): Promise<void> {
  await app.close()
  await pool.end()
  await postgres.stop()
}
