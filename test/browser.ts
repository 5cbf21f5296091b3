import { chromium, type Browser, type Page } from 'playwright-core'
import { findChromium } from './chromium.ts'

export interface PageOptions {
  /** 1280 by default. */
  width?: number
  /** 800 by default. */
  height?: number
  /** False disables scripts. Default: true. */
  javaScript?: boolean
  /** For example `sw-KE`. Default: `en-US`. */
  locale?: string
}

export interface OpenBrowser extends AsyncDisposable {
  /** Opens a page with its own profile, so that pages share no cookies or cache. */
  page(options?: PageOptions): Promise<Page>
  close(): Promise<void>
}

/** Added to Playwright's flags, among them --headless, --no-sandbox (needed by root; all pages are local), no background traffic. */
const FLAGS = ['--disable-gpu', '--disable-quic', '--font-render-hinting=none']

/** Timeout of waits in a page. It is shorter than the test's, so that a failure names the awaited condition. */
const WAIT_MS = 15_000

/** Opens a headless browser, or returns the reason why none exists: `if ('skip' in browser) return t.skip(browser.skip)`. */
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
