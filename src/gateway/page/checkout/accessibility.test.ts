import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createHttp } from '#platform/web/http'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { listPageProblems } from '../../../../test/axe.ts'
import { openBrowser, type OpenBrowser } from '../../../../test/browser.ts'
import { assetRoutes } from '../assets/assets.ts'
import { renderCheckout } from './document.ts'
import { SAMPLE_NAMES, sampleView, type SampleName } from './fixture.ts'
import type { Language } from '../../strings/strings.ts'

/** Serves every state as the gateway does, with its policy, style and script. */
async function openServer(): Promise<{ url: string; close(): Promise<void> }> {
  const metrics = createMetrics({ defaults: false })
  const app = await createHttp({
    log: silentLog,
    metrics,
    version: 'test',
    publicUrl: 'http://localhost',
    idleGraceMs: 0,
  })
  const assets = assetRoutes(app)
  app.get<{ Params: { name: SampleName; language: Language } }>(
    '/:name/:language',
    { config: { page: true } },
    ({ params: { name, language } }, reply) => {
      const text = renderCheckout(sampleView(name, language), { assets, practiceUrl: '/sandbox' })
      return reply.type('text/html; charset=utf-8').send(text)
    },
  )
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { url, close: () => app.close() }
}

const LOOKS = [
  { width: 1200, language: 'en', scheme: 'light' },
  { width: 360, language: 'sw', scheme: 'dark' },
] as const

describe('every state of the page', { timeout: 240_000 }, () => {
  let server: Awaited<ReturnType<typeof openServer>>
  let browser: OpenBrowser | { skip: string } = { skip: 'the browser was not opened' }
  before(async () => {
    server = await openServer()
    browser = await openBrowser()
  })
  after(async () => {
    if (!('skip' in browser)) await browser.close()
    await server.close()
  })

  for (const { width, language, scheme } of LOOKS) {
    test(`is accessible and fits ${width} px, in ${language}, ${scheme}`, async (t) => {
      if ('skip' in browser) return t.skip(browser.skip)
      const page = await browser.page({ width, height: 740 })
      const problems: string[] = []
      page.on('pageerror', (error) => problems.push(`a script failed: ${error.message}`))
      page.on('console', (message) => {
        if (/Content Security Policy/.test(message.text())) problems.push(message.text())
      })
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
      for (const name of SAMPLE_NAMES) {
        await page.goto(`${server.url}/${name}/${language}`)
        problems.push(...(await listPageProblems(page)).map((what) => `${name}: ${what}`))
      }
      await page.context().close()
      assert.equal(problems.length, 0, problems.join('\n'))
    })
  }
})
