#!/usr/bin/env node
// Usage: node bin/node.js [Node options] <file> [arguments]. Runs a file with the Node version that Purser needs.
import { runFile, runNode } from './launch.js'

const args = process.argv.slice(2)
await runNode(args, () => runFile(args))
