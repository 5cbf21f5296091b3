import { InvalidArgumentError, type Command } from 'commander'
import { isCurrency } from '#money'
import type { OpenCli } from '#platform/runtime/module'
import { formatFraction } from '../fraction.ts'
import { listSources, listValues } from '../store.ts'

/** Declares `npx purser rates show`: prints the stored state of the price sources and the last good prices. Sends no request. */
export function addRatesCommands(group: Command, open: OpenCli): void {
  group
    .command('show')
    .description('show the state of the price sources, and the last good prices in USD')
    .argument('[currencies...]', 'such as BTC KES; all by default', parseCurrency)
    .action(async (currencies: readonly string[] | undefined) => {
      const { db, clock, print } = await open()
      const now = clock.now().getTime()
      const age = (at: Date | null): string => (at ? `${Math.round((now - at.getTime()) / 1000)} s ago` : '')
      const sources = await listSources(db)
      if (sources.length === 0)
        return print('No price source has been queried yet. The running program queries them when it needs a price.')
      print(
        sources.map(({ name, askedAt, answeredAt, prices, problem, retryAt, leftOut }) => ({
          source: name,
          asked: age(askedAt),
          answered: age(answeredAt),
          prices: prices.length,
          problem,
          not_before: retryAt?.toISOString(),
          excluded_for: leftOut.join(' '),
        })),
      )
      const values = await listValues(db, currencies)
      if (values.size === 0) return print('No price is known yet.')
      print(
        [...values].map(([currency, { value, at, sources: used }]) => ({
          currency,
          usd: formatFraction(value),
          age: age(at),
          sources: used.join(' '),
        })),
      )
    })
}

function parseCurrency(text: string, previous: readonly string[] = []): readonly string[] {
  const code = text.toUpperCase()
  if (!isCurrency(code)) throw new InvalidArgumentError(`${text} is not a known currency. Use a code such as KES.`)
  return [...previous, code]
}
