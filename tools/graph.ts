// npm run graph [-- module | --files [path]]: prints the import graph, type imports included.
import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { parseArgs } from 'node:util'
import { findCircles, readGraph, type Graph } from './tidy/graph.ts'
import { isTest, moduleOf } from './tidy/map.ts'
import { findRoom, parseRooms } from './tidy/rooms.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { files: { type: 'boolean', default: false }, tests: { type: 'boolean', default: false } },
})
const [wanted = ''] = positionals
const all = readGraph()
const sources: Graph = new Map([...all].filter(([path]) => path.startsWith('src/') && (values.tests || !isTest(path))))

/** Prints a line for each group of files: its name, then the groups that it imports with the number of imports. */
function printGroups(graph: Graph, groupOf: (path: string) => string | undefined): void {
  const edges = new Map<string, Map<string, number>>()
  for (const [path, targets] of graph) {
    const from = groupOf(path)
    if (from === undefined) continue
    const counts = edges.get(from) ?? new Map<string, number>()
    edges.set(from, counts)
    for (const target of targets) {
      const to = groupOf(target)
      if (to !== undefined && to !== from) counts.set(to, (counts.get(to) ?? 0) + 1)
    }
  }
  for (const [from, counts] of [...edges].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const targets = [...counts].toSorted(([, a], [, b]) => b - a).map(([to, count]) => `${to} (${count})`)
    console.log(`${from} → ${targets.join(', ') || '–'}`)
  }
}

if (values.files) {
  for (const [path, targets] of sources)
    if (path.includes(wanted)) console.log(`${path} → ${targets.join(', ') || '–'}`)
} else if (wanted === '') {
  printGroups(sources, moduleOf)
} else {
  const root = `src/${wanted}`
  const readme = `${root}/README.md`
  const rooms = existsSync(readme) ? parseRooms(readFileSync(readme, 'utf8')) : undefined
  printGroups(sources, (path) => {
    if (!path.startsWith(`${root}/`)) return undefined
    const inside = posix.relative(root, path)
    return (rooms && findRoom(rooms, inside)?.room) ?? posix.join(posix.dirname(inside), '/')
  })
}

const circles = findCircles(all)
for (const circle of circles) console.log(`circle of ${circle.length}: ${circle.join(' ')}`)
const folders = new Set([...all.keys()].map((path) => posix.dirname(path))).size
console.log(`\n${all.size} files in ${folders} folders, ${circles.length} import circles`)
process.exitCode = circles.length > 0 ? 1 : 0
