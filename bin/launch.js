// Plain JavaScript without new syntax: an older Node must be able to read it and to say what is wrong.
import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const NEEDED_MAJOR = 24
/** @type {readonly NodeJS.Signals[]} */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP']
const PARENT_POLL_MS = 500
const SIGNAL_GRACE_MS = 200

/**
 * Runs `node <args>` with the Node that npm installed for this platform. `here` runs the same in this process: when it is that Node, or when
 * there is no such package and this is Node 24 or later. An older Node prints one line that says what to do and exits with 1.
 * Otherwise this process ends as the program does, with its exit code or signal.
 * @param {readonly string[]} args
 * @param {() => Promise<void>} here
 */
export async function runNode(args, here) {
  const packaged = packagedNode()
  const isNew = Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR
  // A package that wraps Node in a script would hand over to itself for ever: a connected process was handed over to.
  if (packaged === undefined || process.connected ? isNew : packaged === realpathSync(process.execPath)) return here()
  const problem = packaged === undefined ? undefined : await handOver(packaged, args)
  if (packaged !== undefined && problem === undefined) return
  if (isNew) return here()
  console.error(`Purser needs Node 24 (this is ${process.versions.node}), and ${missing(problem)}`)
  process.exitCode = 1
}

/**
 * Runs a file in this process. Options of Node itself, such as --watch, need a process that starts with them.
 * @param {readonly string[]} args
 */
export async function runFile(args) {
  const [file, ...rest] = args
  if (file === undefined || file.startsWith('-')) {
    const problem = await handOver(process.execPath, args)
    if (problem) throw problem
    return
  }
  process.argv.splice(1, process.argv.length, resolve(file), ...rest)
  await import(pathToFileURL(resolve(file)).href)
}

/** @param {NodeJS.ErrnoException | undefined} problem */
function missing(problem) {
  if (problem === undefined)
    return `npm installed none for ${process.platform}-${process.arch}: install Node 24 and try again. On Linux with glibc "npm ci" brings it, unless optional packages are left out.`
  const why = problem.code === 'ENOENT' ? 'it needs glibc, and Alpine has musl' : String(problem.code)
  return `the one that npm installed cannot run on this system (${why}): install Node 24 and try again.`
}

/** Found by its package, not by `.bin`: npm 10 leaves `.bin/node` out, and a package above may hold ours. */
function packagedNode() {
  try {
    const require = createRequire(import.meta.url)
    const path = require.resolve(`node-${process.platform}-${process.arch}/package.json`)
    // A folder above may hold an older one of another program.
    if (Number(require(path).version.split('.')[0]) < NEEDED_MAJOR) return undefined
    return realpathSync(join(dirname(path), 'bin', 'node'))
  } catch {
    return undefined
  }
}

/**
 * Resolves with the error when the program could not be started. After the program has ended, this process ends the same way.
 * @param {string} node
 * @param {readonly string[]} args
 * @returns {Promise<NodeJS.ErrnoException | undefined>}
 */
function handOver(node, args) {
  return new Promise((done) => {
    // The channel tells the program that this process is gone, also when it was killed outright.
    const child = spawn(node, [...process.execArgv, ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
    child.once('error', (error) => child.pid === undefined && done(error))
    if (child.pid === undefined) return
    // A terminal sends Ctrl-C to the program too: it takes a repetition within a second for the same one.
    if (process.platform !== 'win32') for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
    const stopWatching = watchParent(() => child.connected && child.disconnect())
    child.once('exit', (code, signal) => {
      stopWatching()
      done(undefined)
      endLike(code, signal)
    })
  })
}

/**
 * npm runs this in a shell. A signal to npm alone ends npm and that shell, and never arrives here.
 * @param {() => void} onGone
 * @returns {() => void} stops watching
 */
function watchParent(onGone) {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return () => undefined
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, PARENT_POLL_MS)
  return () => clearInterval(timer)
}

/**
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
function endLike(code, signal) {
  if (signal === null) process.exit(code)
  for (const each of SIGNALS) process.removeAllListeners(each)
  process.kill(process.pid, signal)
  // The first process of a container is not ended by a signal of its own.
  setTimeout(() => process.exit(128 + constants.signals[signal]), SIGNAL_GRACE_MS)
}
