#!/usr/bin/env node
// Plain JavaScript, so that an old Node can still read it and say what is wrong.
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(
    `Purser needs Node 24 (this is ${process.versions.node}). On Linux run it by "npm start" or "npx purser", which bring their own; elsewhere install Node 24.`,
  )
  process.exit(1)
}
await keepCompiled()
await import('../src/cli.ts')

/** Reading our modules takes most of a start: what was compiled is kept beside the packages, if those are ours. */
async function keepCompiled() {
  const { statSync } = await import('node:fs')
  const { enableCompileCache } = await import('node:module')
  const { fileURLToPath } = await import('node:url')
  const packages = fileURLToPath(new URL('../node_modules', import.meta.url))
  // A cache of root's in a folder of somebody else would stop their next npm ci.
  if (statSync(packages, { throwIfNoEntry: false })?.uid === (process.getuid?.() ?? 0)) {
    enableCompileCache(`${packages}/.cache/purser-code`)
  }
}
