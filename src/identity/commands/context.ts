import { InvalidArgumentError, type Command } from 'commander'
import type { CliContext, OpenCli } from '#platform/runtime/module'
import { createDirectory, type Directory } from '../directory.ts'
import type { Page } from '../types.ts'

/** Opens the command's context and identity on its database. */
export async function openIdentity(open: OpenCli): Promise<{ context: CliContext; identity: Directory }> {
  const context = await open()
  return { context, identity: createDirectory(context) }
}

export interface ListOptions {
  limit: number
  cursor?: string
  json?: boolean
}

/** Adds the options that every list command accepts. */
export const listOptions = (command: Command): Command =>
  command
    .option('--limit <n>', 'maximum number of rows', parseLimit, 50)
    .option('--cursor <id>', 'cursor from the previous page')
    .option('--json', 'as JSON')

function parseLimit(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number.parseInt(text, 10) : 0
  if (limit < 1 || limit > 500) throw new InvalidArgumentError('Use a limit from 1 to 500.')
  return limit
}

export function printPage<T>(
  context: CliContext,
  page: Page<T>,
  options: ListOptions,
  row: (item: T) => Readonly<Record<string, unknown>>,
): void {
  if (options.json) return context.print(JSON.stringify(page, null, 2))
  if (page.items.length === 0) return context.print('None.')
  context.print(page.items.map(row))
  if (page.nextCursor !== undefined) context.print(`More: --cursor ${page.nextCursor}`)
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Parses `30m`, `24h` or `90d` to milliseconds. */
export function parseDuration(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,4})([mhd])$/.exec(text) ?? []
  const unitMs = UNITS[unit]
  if (unitMs === undefined) throw new InvalidArgumentError('Use a duration such as 30m, 24h or 90d.')
  return Number.parseInt(count, 10) * unitMs
}

export const formatTime = (at: Date | undefined): string => at?.toISOString().slice(0, 19).replace('T', ' ') ?? ''
