import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[]
}

/** What keeps people from using the page, a sentence each. All that axe knows counts, not just the serious. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const run = `axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)`
  const found = await page.evaluate<Violation[]>(run)
  return found.map(({ id, impact, nodes: [first] }) =>
    [impact, `${id}:`, first?.target.join(' '), first?.failureSummary].join(' '),
  )
}
