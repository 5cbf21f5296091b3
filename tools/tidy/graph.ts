import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { importsOf } from './map.ts'

/** The TypeScript files of the tree and the files that each imports. Type imports count, because readers follow them too. */
export type Graph = ReadonlyMap<string, readonly string[]>

const FILES = ['{bin,src,test,tools,bench,examples}/**/*.{ts,js}', 'packages/*/src/**/*.ts']

/** Reads the import graph of the tree below `root`. */
export function readGraph(root = '.'): Graph {
  const files = new Set(globSync(FILES, { cwd: root }).map((path) => path.replaceAll('\\', '/')))
  const read = (path: string): string => readFileSync(posix.join(root, path), 'utf8')
  const { imports } = JSON.parse(read('package.json')) as { imports: Readonly<Record<string, string>> }
  const resolve = (from: string, spec: string): string | undefined => {
    const target = spec.startsWith('#') ? resolveDoor(imports, spec) : posix.join(posix.dirname(from), spec)
    return target !== undefined && files.has(target) ? target : undefined
  }
  return new Map([...files].toSorted().map((path) => [path, targetsOf(path, read(path), resolve)]))
}

const targetsOf = (
  path: string,
  text: string,
  resolve: (from: string, spec: string) => string | undefined,
): readonly string[] => [
  ...new Set(
    importsOf(withoutBlockComments(text))
      .filter((spec) => /^[.#]/.test(spec))
      .flatMap((spec) => resolve(path, spec) ?? []),
  ),
]

const withoutBlockComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\//g, '')

/** Returns the file of an entry of "imports" in package.json. Exact entries take precedence over patterns. */
function resolveDoor(imports: Readonly<Record<string, string>>, spec: string): string | undefined {
  const exact = imports[spec]
  if (exact !== undefined) return posix.normalize(exact)
  for (const [pattern, target] of Object.entries(imports)) {
    const [before = '', after = ''] = pattern.split('*')
    if (!pattern.includes('*') || !spec.startsWith(before) || !spec.endsWith(after)) continue
    return posix.normalize(target.replace('*', spec.slice(before.length, spec.length - after.length)))
  }
  return undefined
}

/** Returns groups of files that import one another in a circle, largest first. Uses Tarjan's algorithm. */
export function findCircles(graph: Graph): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const circles: string[][] = []
  const visit = (path: string): void => {
    index.set(path, index.size)
    low.set(path, index.get(path) ?? 0)
    stack.push(path)
    for (const target of graph.get(path) ?? []) {
      if (!index.has(target)) visit(target)
      if (stack.includes(target)) low.set(path, Math.min(low.get(path) ?? 0, low.get(target) ?? 0))
    }
    if (low.get(path) !== index.get(path)) return
    const circle = stack.splice(stack.indexOf(path))
    if (circle.length > 1 || (graph.get(path) ?? []).includes(path)) circles.push(circle.toSorted())
  }
  for (const path of graph.keys()) if (!index.has(path)) visit(path)
  return circles.toSorted((a, b) => b.length - a.length)
}
