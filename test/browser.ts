import { chromium, type Browser, type Page } from 'playwright-core'
import { findChromium } from './chromium.ts'

export interface PageOptions {
  /** 1280 by default. */
  width?: number
  /** 800 by default. */
  height?: number
  /** False shows the page as it is without scripts. True by default. */
  javaScript?: boolean
  /** Such as `sw-KE`; `en-US` by default. */
  locale?: string
}

export interface OpenBrowser extends AsyncDisposable {
  /** A page in a profile of its own: no cookies or cache of another. */
  page(options?: PageOptions): Promise<Page>
  close(): Promise<void>
}

/** On top of Playwright's own, among them --headless, --no-sandbox (needed by root; the pages are ours), no background traffic. */
const FLAGS = ['--disable-gpu', '--disable-quic', '--font-render-hinting=none']

/** Waits in a page end after this, so that a failing test names what it waited for and not just its own limit. */
const WAIT_MS = 15_000

/** A headless browser, or the reason why there is none: `if ('skip' in browser) return t.skip(browser.skip)`. */
export async function openBrowser(): Promise<OpenBrowser | { skip: string }> {
  const found = await findChromium()
  if ('skip' in found) return { skip: `no browser: ${found.skip}` }
  const env = { ...definedOf(process.env), ...found.env }
  const browser = await chromium.launch({
    executablePath: found.path,
    headless: true,
    args: FLAGS,
    env,
    timeout: 60_000,
  })
  return { page: (options) => openPage(browser, options), close, [Symbol.asyncDispose]: close }

  function close(): Promise<void> {
    return browser.close()
  }
}

async function openPage(browser: Browser, options: PageOptions = {}): Promise<Page> {
  const { width = 1280, height = 800, javaScript = true, locale = 'en-US' } = options
  const context = await browser.newContext({ viewport: { width, height }, javaScriptEnabled: javaScript, locale })
  context.setDefaultTimeout(WAIT_MS)
  return context.newPage()
}

function definedOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
