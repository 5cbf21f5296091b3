import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import type { Graph } from './graph.ts'
import { isTest } from './map.ts'

/**
 * Rooms are the folders of a module. The table below "## Rooms" in the module's README lists them from top to bottom. The first cell of a row
 * holds folders or files in backticks; `./` stands for the files of the module's own folder; `*` matches one folder. A room imports only rows
 * below its own; two folders in one row do not import each other, files in one row may.
 */
export type Rooms = readonly (readonly string[])[]

const ROOMS = /^## Rooms$([\s\S]*?)(?=^## |(?![\s\S]))/m

/** Reads the table; undefined when the README has none. */
export function parseRooms(readme: string): Rooms | undefined {
  const rows = (ROOMS.exec(readme)?.[1] ?? '').split('\n').filter((line) => line.startsWith('|'))
  const cells = rows.slice(2).map((row) => row.split('|')[1] ?? '')
  const rooms = cells.map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
  return rooms.length > 0 ? rooms : undefined
}

interface Place {
  readonly row: number
  readonly room: string
}

/** Finds the room of a file, given by its path inside the module. A file entry wins over a pattern, a pattern over the deepest folder. */
export function findRoom(rooms: Rooms, path: string): Place | undefined {
  const entries = rooms.flatMap((row, index) => row.map((room) => ({ row: index, room })))
  const folder = posix.dirname(path)
  const ranked = [
    ...entries.filter(({ room }) => room === path),
    ...entries.filter(({ room }) => room.includes('*') && posix.matchesGlob(path, room)),
    ...entries
      .filter(({ room }) => folder === room || folder.startsWith(`${room}/`))
      .toSorted((a, b) => b.room.length - a.room.length),
    ...entries.filter(({ room }) => room === './' && folder === '.'),
  ]
  return ranked[0]
}

const isFile = (room: string): boolean => room.endsWith('.ts')

/** Returns a sentence for each import that points up or sideways between the rooms of a module. */
export function untidyRooms(module: string, rooms: Rooms, graph: Graph): string[] {
  const root = `src/${module}/`
  const inside = (path: string): boolean => path.startsWith(root) && !isTest(path)
  return [...graph].flatMap(([path, targets]) => {
    if (!inside(path)) return []
    const from = findRoom(rooms, path.slice(root.length))
    if (!from) return [`${path}: its folder is not in the table "Rooms" of ${root}README.md`]
    return targets.filter(inside).flatMap((target) => {
      const to = findRoom(rooms, target.slice(root.length))
      if (!to || to.row > from.row || (to.row === from.row && (to.room === from.room || isFile(to.room)))) return []
      return [`${path}: room ${from.room} may not import ${target} (room ${to.room} is not below it)`]
    })
  })
}

/** Checks every module whose README has a table of rooms. */
export const untidyRoomsOf = (graph: Graph): string[] =>
  globSync('src/*/README.md').flatMap((path) => {
    const module = posix.basename(posix.dirname(path.replaceAll('\\', '/')))
    const rooms = parseRooms(readFileSync(path, 'utf8'))
    return rooms ? untidyRooms(module, rooms, graph) : []
  })

const MAX_FILES = 20

/** Returns the folders below `src` with too many source files. Tests, fixtures and documents do not count. */
export function crowdedFolders(paths: readonly string[]): string[] {
  const sources = paths.filter((path) => /\.(ts|js|sql|css)$/.test(path) && !isTest(path))
  return Object.entries(Object.groupBy(sources, (path) => posix.dirname(path)))
    .filter(([, files = []]) => files.length > MAX_FILES)
    .map(([folder, files = []]) => `${folder}: ${files.length} source files; ${MAX_FILES} at most. Open it into rooms.`)
}
