// Plain JavaScript without new syntax, so that an older Node can parse it and print what to do.
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
 * Runs `node <args>` with the Node that npm installed for this platform. Calls `runHere` instead when this process already is that Node, or
 * when the package is missing and this is Node 24 or later. An older Node without the package prints one line that says what to do and
 * exits with 1. Otherwise this process exits with the exit code or signal of the program.
 * @param {readonly string[]} args
 * @param {() => Promise<void>} runHere
 */
export async function runNode(args, runHere) {
  const packaged = findPackagedNode()
  const isNew = Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR
  // A connected process was started by the launcher. The check prevents an endless loop with a package that wraps Node in a script.
  if (packaged === undefined || process.connected ? isNew : packaged === realpathSync(process.execPath))
    return runHere()
  const problem = packaged === undefined ? undefined : await runChild(packaged, args)
  if (packaged !== undefined && problem === undefined) return
  if (isNew) return runHere()
  console.error(`Purser needs Node 24 (this is ${process.versions.node}), and ${explainMissingNode(problem)}`)
  process.exitCode = 1
}

/**
 * Runs a file in this process. Node options, such as --watch, need a new process that starts with them.
 * @param {readonly string[]} args
 */
export async function runFile(args) {
  const [file, ...rest] = args
  if (file === undefined || file.startsWith('-')) {
    const problem = await runChild(process.execPath, args)
    if (problem) throw problem
    return
  }
  process.argv.splice(1, process.argv.length, resolve(file), ...rest)
  await import(pathToFileURL(resolve(file)).href)
}

/** @param {NodeJS.ErrnoException | undefined} problem */
function explainMissingNode(problem) {
  if (problem === undefined)
    return `npm installed none for ${process.platform}-${process.arch}. Install Node 24 and try again. On Linux with glibc \`npm ci\` installs it, unless it omits optional packages.`
  const why = problem.code === 'ENOENT' ? 'it needs glibc, and Alpine has musl' : String(problem.code)
  return `the one that npm installed cannot run on this system (${why}). Install Node 24 and try again.`
}

/** Returns the path of the packaged Node. Resolves its package instead of `.bin/node`: npm 10 omits that link, and a parent folder may contain it. */
function findPackagedNode() {
  try {
    const require = createRequire(import.meta.url)
    const path = require.resolve(`node-${process.platform}-${process.arch}/package.json`)
    // A folder above may contain an older package that belongs to another program.
    const { version } = /** @type {{ version: string }} */ (require(path))
    if (Number(version.split('.')[0]) < NEEDED_MAJOR) return undefined
    return realpathSync(join(dirname(path), 'bin', 'node'))
  } catch {
    return undefined
  }
}

/**
 * Starts the program and waits for it. Resolves with the error when it could not be started. Otherwise this process exits like the program.
 * @param {string} node
 * @param {readonly string[]} args
 * @returns {Promise<NodeJS.ErrnoException | undefined>}
 */
function runChild(node, args) {
  return new Promise((done) => {
    // The program notices the end of this process by its IPC channel, even after a SIGKILL.
    const child = spawn(node, [...process.execArgv, ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
    child.once('error', (error) => child.pid === undefined && done(error))
    if (child.pid === undefined) return
    // A terminal sends Ctrl-C to the program too. The program treats a repetition within a second as the same signal.
    if (process.platform !== 'win32') for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
    const stopWatching = watchParent(() => child.connected && child.disconnect())
    child.once('exit', (code, signal) => {
      stopWatching()
      done(undefined)
      exitLike(code, signal)
    })
  })
}

/**
 * Calls `onExit` when the parent process has ended. npm runs this in a shell; a signal to npm alone ends both but does not arrive here.
 * @param {() => void} onExit
 * @returns {() => void} stops the watch
 */
function watchParent(onExit) {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return () => undefined
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onExit()
  }, PARENT_POLL_MS)
  return () => clearInterval(timer)
}

/**
 * Ends this process with the exit code or signal of the program.
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
function exitLike(code, signal) {
  if (signal === null) process.exit(code)
  for (const each of SIGNALS) process.removeAllListeners(each)
  process.kill(process.pid, signal)
  // A signal from itself does not end the first process of a container.
  setTimeout(() => process.exit(128 + constants.signals[signal]), SIGNAL_GRACE_MS)
}
