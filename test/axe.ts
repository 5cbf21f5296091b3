import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[]
}

/** Returns one sentence per accessibility violation. All findings of axe count, not only serious ones. */
export async function listAxeViolations(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const run = `axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)`
  const found = await page.evaluate<Violation[]>(run)
  return found.map(({ id, impact, nodes: [first] }) =>
    [impact, `${id}:`, first?.target.join(' '), first?.failureSummary].join(' '),
  )
}

/** Finds elements that overflow the window, or whose text overflows them. */
const OVERFLOWING = `[...document.querySelectorAll('body *')].filter((element) => {
  if (element.closest('.unseen, .mark, select')) return false
  const { right, left } = element.getBoundingClientRect()
  return right > innerWidth + 0.5 || left < -0.5 || (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 && getComputedStyle(element).display !== 'inline')
}).map((element) => element.outerHTML.slice(0, 120))`

/** Finds touch targets that are too small. */
const TOO_SMALL = `[...document.querySelectorAll('.button, select, input:not([type=hidden])')].filter((element) => {
  const { width, height } = element.getBoundingClientRect()
  return width < 44 || height < 44
}).map((element) => element.outerHTML.slice(0, 120))`

/** Returns axe's violations, overflowing elements and touch targets that are too small. */
export async function listPageProblems(page: Page): Promise<string[]> {
  return [
    ...(await listAxeViolations(page)),
    ...(await page.evaluate<string[]>(OVERFLOWING)).map((html) => `does not fit: ${html}`),
    ...(await page.evaluate<string[]>(TOO_SMALL)).map((html) => `too small: ${html}`),
  ]
}
