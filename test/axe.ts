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

/** Elements that stick out of the window, or whose text does not fit into them. */
const OVERFLOWING = `[...document.querySelectorAll('body *')].filter((element) => {
  if (element.closest('.unseen, .mark, select')) return false
  const { right, left } = element.getBoundingClientRect()
  return right > innerWidth + 0.5 || left < -0.5 || (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 && getComputedStyle(element).display !== 'inline')
}).map((element) => element.outerHTML.slice(0, 120))`

/** Things to touch that are too small for a thumb. */
const TOO_SMALL = `[...document.querySelectorAll('.button, select, input:not([type=hidden])')].filter((element) => {
  const { width, height } = element.getBoundingClientRect()
  return width < 44 || height < 44
}).map((element) => element.outerHTML.slice(0, 120))`

/** What axe says, what does not fit into the window, what is too small to touch. */
export async function troubleOf(page: Page): Promise<string[]> {
  return [
    ...(await violationsOf(page)),
    ...(await page.evaluate<string[]>(OVERFLOWING)).map((html) => `does not fit: ${html}`),
    ...(await page.evaluate<string[]>(TOO_SMALL)).map((html) => `too small: ${html}`),
  ]
}
