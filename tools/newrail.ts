import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Templates, and the files of a new rail that they become. */
const FILES: readonly (readonly [template: string, path: string])[] = [
  ...['config.ts', 'wire.ts', 'client.ts', 'rail.ts', 'index.ts', 'README.md', 'contract.test.ts'].map(
    (file) => [`${file}.txt`, `src/rails/__name__/${file}`] as const,
  ),
  ['charges.json.txt', 'src/rails/__name__/fixtures/charges.json'],
  ['name.test.ts.txt', 'src/rails/__name__/__name__.test.ts'],
  ...['simulator.ts', 'charges.ts', 'api.ts', 'page.ts'].map(
    (file) => [`${file}.txt`, `src/sandbox/__name__/${file}`] as const,
  ),
]

/** The lists of all rails and all simulators. A new rail gets an import and an entry at the end of each. */
const LISTS = [
  {
    path: 'src/rails/index.ts',
    from: './__name__/index.ts',
    list: /(const RAILS: readonly RailKind\[\] = \[)([^\]]*)\]/,
  },
  {
    path: 'src/sandbox/simulators.ts',
    from: './__name__/simulator.ts',
    list: /(const SIMULATORS: readonly SimulatorKind\[\] = \[)([^\]]*)\]/,
  },
] as const

/**
 * Writes the folder of a new rail (settings, client, translation, README, fixtures, tests) and its simulator, and adds both to their lists. The
 * result is a complete small rail over an invented provider that passes the contract suites. Throws if the name is invalid or taken.
 * @returns paths of the files written or changed, relative to `root`
 */
export function writeRail(name: string, root = '.'): readonly string[] {
  if (!/^[a-z][a-z0-9]{1,19}$/.test(name))
    throw new Error(`"${name}" is not a valid rail name. Use 2 to 20 lower-case letters and digits, such as "airtel".`)
  const fill = (text: string): string =>
    text
      .replaceAll('__name__', name)
      .replaceAll('__Name__', name.charAt(0).toUpperCase() + name.slice(1))
      .replaceAll('__NAME__', name.toUpperCase())
  for (const folder of ['src/rails/__name__', 'src/sandbox/__name__'])
    if (existsSync(join(root, fill(folder)))) throw new Error(`${fill(folder)} already exists. Choose another name.`)

  const written = FILES.map(([template, path]) => {
    const target = fill(path)
    mkdirSync(dirname(join(root, target)), { recursive: true })
    const text = readFileSync(join(import.meta.dirname, 'rail', template), 'utf8')
    writeFileSync(join(root, target), fill(text))
    return target
  })
  for (const { path, from, list } of LISTS) {
    const text = readFileSync(join(root, path), 'utf8')
    if (!list.test(text)) throw new Error(`The list in ${path} was not found`)
    const listed = text.replace(
      list,
      (_, head: string, members: string) => `${head}${members.replace(/,?\s*$/, '')}, ${name}]`,
    )
    writeFileSync(join(root, path), `import { ${name} } from '${fill(from)}'\n${listed}`)
  }
  return [...written, ...LISTS.map(({ path }) => path)]
}
