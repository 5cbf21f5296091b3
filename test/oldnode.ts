import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const NEEDED_MAJOR = 24

/** Path of a Node on PATH that is too old for the program. Undefined when there is none. */
export const oldNode: string | undefined = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find((path) => existsSync(path) && realpathSync(path) !== process.execPath && isOld(path))

export const noOldNode: string | false = oldNode === undefined && `PATH holds no Node below ${NEEDED_MAJOR}`

function isOld(path: string): boolean {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  const major = Number(/^v(\d+)\./.exec(stdout)?.[1])
  return major >= 20 && major < NEEDED_MAJOR
}
