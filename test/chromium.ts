import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const require = createRequire(import.meta.url)

/** A browser that starts, with its environment variables. */
export interface Chromium {
  path: string
  env: Record<string, string>
}

const INSTALLED = [
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  String.raw`C:\Program Files\Google\Chrome\Application\chrome.exe`,
  String.raw`C:\Program Files (x86)\Google\Chrome\Application\chrome.exe`,
]

/** Returns the first browser that starts: PURSER_CHROMIUM, the packaged one (Linux x64), an installed one. Otherwise the reasons. */
export async function findChromium(): Promise<Chromium | { skip: string }> {
  const named = process.env.PURSER_CHROMIUM
  if (named) return existsSync(named) ? { path: named, env: {} } : { skip: `PURSER_CHROMIUM is ${named}: no such file` }
  const refusals: string[] = []
  if (process.platform === 'linux' && process.arch === 'x64') {
    try {
      return await requirePackaged()
    } catch (error) {
      refusals.push(error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : String(error))
    }
  }
  const path = INSTALLED.find((candidate) => existsSync(candidate))
  if (path) return { path, env: {} }
  return { skip: ['install Chrome or Chromium, or set PURSER_CHROMIUM to its path', ...refusals].join('; ') }
}

async function requirePackaged(): Promise<Chromium> {
  const folder = await unpacked()
  const path = join(folder, 'chromium')
  const env: Record<string, string> = {}
  if (!existsSync('/etc/fonts/fonts.conf')) env.FONTCONFIG_FILE = join(folder, 'fonts.conf')
  try {
    await run(path, ['--version'], { env: { ...process.env, ...env }, timeout: 30_000 })
  } catch {
    // A bare Debian lacks libnss3 and related libraries. The package has copies for an older glibc; system libraries take precedence.
    env.LD_LIBRARY_PATH = join(folder, 'al2023', 'lib')
    await run(path, ['--version'], { env: { ...process.env, ...env }, timeout: 30_000 })
  }
  return { path, env }
}

/**
 * Returns the folder with the unpacked browser. Concurrent processes each unpack into a folder of their own, and the first to rename it
 * wins, so no process sees a partial browser. `npm ci` clears the folder, so it always matches the package version.
 */
async function unpacked(): Promise<string> {
  const modules = dirname(dirname(dirname(dirname(dirname(require.resolve('@sparticuz/chromium'))))))
  const ready = join(modules, '.cache', 'purser-chromium')
  if (existsSync(join(ready, 'chromium'))) return ready
  const writable = await mkdir(dirname(ready), { recursive: true }).then(
    () => isWritable(dirname(ready)),
    () => false,
  )
  const folder = await mkdtemp(join(writable ? dirname(ready) : tmpdir(), 'purser-chromium-'))
  if (!writable) process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  // The package unpacks its fallback libraries only when it detects AWS.
  const env = { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x' }
  await run(process.execPath, [join(import.meta.dirname, 'unpack.ts')], { env, timeout: 120_000 })
  await writeFile(join(folder, 'fonts.conf'), fontsConf(join(writable ? ready : folder, 'fonts', 'fonts')))
  if (!writable) return folder
  try {
    await rename(folder, ready)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    if (!existsSync(join(ready, 'chromium'))) throw error
  }
  return ready
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const fontsConf = (folder: string): string => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${folder}</dir></fontconfig>
`
