import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import pg from 'pg'
import { describeError } from '../../base/errors.ts'
import { wrongRole } from '../../database/pool.ts'
import { postgresUrl } from '../../database/url.ts'
import type { PlatformCli } from './context.ts'

interface Options {
  owner?: boolean
}

/** Adds `npx purser db …`, a replacement for psql, which the embedded PostgreSQL does not include. */
export function databaseCommands(db: Command, open: () => Promise<PlatformCli>): void {
  const owner = ['--owner', 'connect as the owner of the schemas, not as the restricted role of the program'] as const
  db.command('url')
    .description('print the connection URL, with the password, for other tools')
    .option(...owner)
    .action(async (options: Options) => {
      const context = await open()
      context.print(postgresUrl(connectionOf(context, options)))
    })
  db.command('sql')
    .description('run one statement and print its rows')
    .argument('<statement>')
    .option(...owner)
    .option('--json', 'print JSON')
    .action(async (statement: string, options: Options & { json?: boolean }) => {
      const context = await open()
      const client = await connect(context, options)
      try {
        const results = [await client.query<Row>(statement)].flat()
        for (const { rows, command, rowCount } of results) {
          if (options.json) context.print(JSON.stringify(rows, null, 2))
          else printResult(context, { rows, command, rowCount })
        }
      } finally {
        await client.end()
      }
    })
  db.command('shell')
    .description('open a shell for statements that end with ; (\\d lists tables, \\q quits)')
    .option(...owner)
    .action(async (options: Options) => {
      const context = await open()
      const client = await connect(context, options)
      try {
        await shell(context, client)
      } finally {
        await client.end()
      }
    })
}

type Row = Record<string, unknown>

const connectionOf = ({ database }: PlatformCli, { owner }: Options): pg.ClientConfig =>
  owner ? database.owner : database.app

async function connect(context: PlatformCli, options: Options): Promise<pg.Client> {
  const client = new pg.Client({ ...connectionOf(context, options), types: { getTypeParser: () => asText } })
  await client.connect()
  const { rows } = await client.query<{ user: string }>('select current_user::text as user')
  const [expected, user = ''] = [options.owner ? context.database.ownerUser : context.database.user, rows[0]?.user]
  if (user === expected) return client
  await client.end()
  throw wrongRole(user, expected)
}

/** Keeps values as the text that PostgreSQL returns. */
const asText = (text: string | Buffer): string => String(text)

const TABLES = `select schemaname as schema, relname as table, pg_size_pretty(pg_total_relation_size(relid)) as size
  from pg_stat_user_tables where schemaname not in ('graphile_worker') order by 1, 2;`

async function shell(context: PlatformCli, client: pg.Client): Promise<void> {
  const { stdin: input, stdout: output } = process
  const lines = createInterface(input.isTTY ? { input, output } : { input })
  const ask = (prompt: string): void => void (input.isTTY && output.write(prompt))
  let statement = ''
  ask('purser> ')
  for await (const line of lines) {
    if (line.trim() === '\\q') break
    statement += `${line.trim() === '\\d' ? TABLES : line}\n`
    if (statement.trim().endsWith(';')) {
      const text = statement
      statement = ''
      try {
        for (const result of [await client.query<Row>(text)].flat()) printResult(context, result)
      } catch (error) {
        context.print(`error: ${describeError(error)}`)
      }
    }
    ask(statement.trim() === '' ? 'purser> ' : '     -> ')
  }
  lines.close()
}

function printResult(context: PlatformCli, result: Pick<pg.QueryResult<Row>, 'rows' | 'command' | 'rowCount'>): void {
  if (result.rows.length > 0) context.print(result.rows)
  context.print(`${result.command} ${result.rowCount ?? 0}`)
}
