import { execFile } from 'node:child_process'
import { readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Checkout {
  readonly folder: string
  /** Abbreviated hash and subject. */
  readonly title: string
}

export interface CheckoutOptions {
  /** Any folder inside the repository's work tree. */
  readonly repository: string
  /** Name of a commit: hash, branch, tag or HEAD~3. */
  readonly ref: string
  /** Folder of the worktree; empty or missing. */
  readonly folder: string
  /** Called with the cleanup as soon as something must be removed. */
  readonly defer: (undo: () => Promise<void>) => void
  readonly log: (line: string) => void
}

/**
 * Creates a git worktree of a commit with the packages of its package-lock.json: the repository's node_modules when both lock files are
 * equal, else by `npm ci`. The cleanup removes the worktree. Throws when git does not know the commit or npm fails.
 */
export async function checkOutCommit({ repository, ref, folder, defer, log }: CheckoutOptions): Promise<Checkout> {
  const git = (...args: string[]): Promise<string> => run('git', ['-C', repository, ...args])
  const commit = await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`).catch(() => {
    throw new Error(`git does not know the commit ${ref}. In a shallow clone, run git fetch --unshallow first.`)
  })
  const packages = join(folder, 'node_modules')
  let linked = false
  defer(async () => {
    // Without recursive, rmSync removes the link and never the packages it points to.
    if (linked) rmSync(packages, { force: true })
    rmSync(folder, { recursive: true, force: true })
    await git('worktree', 'prune')
  })
  await git('worktree', 'add', '--quiet', '--detach', folder, commit)
  linked = readLock(folder) === readLock(repository)
  if (linked) {
    symlinkSync(join(repository, 'node_modules'), packages, 'dir')
  } else {
    log(`npm ci for ${ref}, because its package-lock.json differs`)
    // npm run describes this repository in npm_* variables, which the other npm must not inherit.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
    await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder, env })
  }
  return { folder, title: await git('log', '-1', '--format=%h %s', commit) }
}

const readLock = (folder: string): string => readFileSync(join(folder, 'package-lock.json'), 'utf8')

/** Runs a command and returns its trimmed output. The error contains the command and the end of its output. */
async function run(
  program: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { ...options, maxBuffer: 16 * 1024 * 1024 })
    return stdout.trim()
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${program} ${args.join(' ')} failed: ${`${stdout}\n${stderr}`.trim().slice(-2000)}`, {
      cause: error,
    })
  }
}
