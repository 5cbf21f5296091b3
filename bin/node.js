#!/usr/bin/env node
// node bin/node.js [options of Node] <file> [arguments]: runs a file with the Node that Purser needs, whatever Node runs this.
import { runFile, runNode } from './launch.js'

const args = process.argv.slice(2)
await runNode(args, () => runFile(args))
