#!/usr/bin/env node
// Plain JavaScript, because any Node may start it: the right one goes on, another one hands over to it.
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runNode } from './launch.js'

await runNode([fileURLToPath(import.meta.url), ...process.argv.slice(2)], async () => {
  await keepCompiled()
  await import('../src/cli.ts')
})

/** Compiling our modules takes most of a start. The compiled code is kept beside the packages when this user owns them. */
async function keepCompiled() {
  const { enableCompileCache } = await import('node:module')
  const packages = fileURLToPath(new URL('../node_modules', import.meta.url))
  // A cache of root's in a folder of another user would stop their next npm ci.
  if (statSync(packages, { throwIfNoEntry: false })?.uid === (process.getuid?.() ?? 0)) {
    enableCompileCache(`${packages}/.cache/purser-code`)
  }
}
