import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Schema } from '#platform/database/migrate'

/** An earlier version of the program, for tests of an upgrade. */

const ROOT = resolve(import.meta.dirname, '..')
/** A program with this file runs on the schema of a newer version. */
const WINDOW = 'src/platform/database/migrate/history.ts'
const MOST_COMMITS = 200

function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 })
  return status === 0 ? stdout.trim() : undefined
}

/** Returns the newest earlier commit whose program can be tested, or why there is none. `PURSER_UPGRADE_FROM` names another one. */
export function findOldCommit(): { commit: string } | { missing: string } {
  const asked = process.env['PURSER_UPGRADE_FROM']
  if (git('rev-parse', 'HEAD') === undefined) return { missing: 'there is no git repository' }
  const commits = git('rev-list', `--max-count=${MOST_COMMITS}`, asked ?? 'HEAD^')?.split('\n')
  if (!commits) return { missing: 'the history of this clone has no earlier commit' }
  const commit = commits.find((one) => git('cat-file', '-e', `${one}:${WINDOW}`) !== undefined)
  if (commit === undefined) return { missing: 'no earlier program runs on the schema of a newer one' }
  if (git('show', `${commit}:package-lock.json`) !== readFileSync(join(ROOT, 'package-lock.json'), 'utf8').trim())
    return { missing: `commit ${commit.slice(0, 8)} needs other packages` }
  return { commit }
}

/** Writes the program of a commit to a folder, with the packages of this checkout. */
export function checkOut(commit: string, folder: string): void {
  mkdirSync(folder)
  const archive = spawnSync('git', ['archive', '--format=tar', commit], { cwd: ROOT, maxBuffer: 512 * 1024 * 1024 })
  const { status, stderr } = spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout })
  if (archive.status !== 0 || status !== 0) throw new Error(`${archive.stderr.toString()}${stderr.toString()}`)
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
}

/** Lists the schemas of a program by their folders. */
export function listSchemas(folder: string): Schema[] {
  const modules = readdirSync(join(folder, 'src')).filter((name) => !name.includes('.'))
  return modules.flatMap((name) => {
    const path = join(folder, 'src', name, name === 'platform' ? 'database/migrations' : 'migrations')
    return existsSync(path) ? [{ name, folder: pathToFileURL(`${path}/`) }] : []
  })
}
