#!/usr/bin/env node
// Plain JavaScript, because any Node may start this file. The right version continues; other versions start the right one.
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runNode } from './launch.js'

await runNode([fileURLToPath(import.meta.url), ...process.argv.slice(2)], async () => {
  await enableCodeCache()
  await import('../src/cli.ts')
})

/** Caches compiled code in node_modules when this user owns it. Compilation takes most of a start. */
async function enableCodeCache() {
  const { enableCompileCache } = await import('node:module')
  const packages = fileURLToPath(new URL('../node_modules', import.meta.url))
  // A cache owned by root in a folder of another user would break that user's next `npm ci`.
  if (statSync(packages, { throwIfNoEntry: false })?.uid === (process.getuid?.() ?? 0)) {
    enableCompileCache(`${packages}/.cache/purser-code`)
  }
}
