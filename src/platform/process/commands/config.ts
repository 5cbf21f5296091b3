import type { Command } from 'commander'
import { describeError } from '../../base/errors.ts'
import { jsonText } from '../../base/table.ts'
import { openDb } from '../../database/db.ts'
import { NO_POOLER } from '../../database/pooler.ts'
import { renderEnvExample, type PlatformConfig } from '../../environment/config.ts'
import type { CommandDeps } from '../cli.ts'
import { checkLimits, sumConnections, sumInstances, type ConnectionSum } from '../connections.ts'
import { openEndpoints } from '../endpoints.ts'
import { readOwner, loginRole } from '../roles.ts'

/** Adds `npx purser config check|show|example`. */
export function addConfigCommands(group: Command, { specs, load }: Pick<CommandDeps, 'specs' | 'load'>): void {
  group
    .command('check')
    .description('validate all settings, report problems and count the database connections')
    .action(async () => {
      const { warnings, config } = await load()
      const platform = config['platform'] as PlatformConfig
      const sum = sumConnections(platform)
      const limits = platform.databaseUrl ? await compareLimits(platform, sum) : []
      const lines = [...warnings, ...describeSum(platform, sum), ...limits, 'The configuration is valid.', '']
      process.stdout.write(lines.join('\n'))
    })
  group
    .command('show')
    .description('print the effective configuration without secrets')
    .action(async () => void process.stdout.write(`${jsonText((await load()).config, 2)}\n`))
  group
    .command('example')
    .description('print all settings as an .env file')
    .action(async () => void process.stdout.write(renderEnvExample(await specs())))
}

const PART_NAMES: Readonly<Record<keyof Omit<ConnectionSum, 'migrations' | 'total'>, string>> = {
  pool: 'pool',
  heartbeat: 'heartbeat',
  readBack: 'lost commits',
  jobs: 'jobs',
  background: 'background migrations',
  locks: 'locks',
}
const INSTANCES = [2, 3, 5]

function describeSum({ databaseUrl, instanceType }: PlatformConfig, sum: ConnectionSum): string[] {
  const { migrations, total, ...parts } = sum
  const each = Object.entries(PART_NAMES).map(([part, name]) => `${name} ${parts[part as keyof typeof parts]}`)
  const several = INSTANCES.map((count) => `${count} need ${sumInstances(sum, count)}`).join(', ')
  return [
    `Database connections of one instance (INSTANCE_TYPE=${instanceType}): ${total} = ${each.join(' + ')}.`,
    `Migrations at a start: ${migrations}, closed before the others open.`,
    ...(databaseUrl ? [`Instances of this type, while one more starts: ${several}.`] : []),
  ]
}

/** Compares the sum with the limits of the server. A server that cannot be reached is a line of the report, not an error. */
async function compareLimits(config: PlatformConfig, sum: ConnectionSum): Promise<string[]> {
  try {
    const { app, owner } = await openEndpoints(config)
    const pooler = app.pooled
      ? { mode: config.databasePooler ?? ('transaction' as const), keepsStatements: false }
      : NO_POOLER
    const db = openDb({
      connection: owner.connection,
      expectedUser: owner.user,
      max: 1,
      pooler: owner.pooled ? pooler : NO_POOLER,
    })
    try {
      const { database } = await readOwner(db)
      return await checkLimits(db, { sum, user: app.user === owner.user ? loginRole(database) : app.user, pooler })
    } finally {
      await db.close()
    }
  } catch (error) {
    return [`The limits of the database server are unknown: ${describeError(error)}`]
  }
}
