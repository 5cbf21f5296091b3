#!/usr/bin/env node
// Plain JavaScript, so that an old Node can still read it and say what is wrong.
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(
    `Purser needs Node 24 (this is ${process.versions.node}). On Linux run it by "npm start" or "npx purser", which bring their own; elsewhere install Node 24.`,
  )
  process.exit(1)
}
await import('../src/cli.ts')
