import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Which template becomes which file of a new rail. */
const FILES: readonly (readonly [template: string, path: string])[] = [
  ...['config.ts', 'wire.ts', 'client.ts', 'rail.ts', 'index.ts', 'README.md', 'contract.test.ts'].map(
    (file) => [`${file}.txt`, `src/payments/rails/__name__/${file}`] as const,
  ),
  ['charges.json.txt', 'src/payments/rails/__name__/fixtures/charges.json'],
  ['name.test.ts.txt', 'src/payments/rails/__name__/__name__.test.ts'],
  ...['simulator.ts', 'charges.ts', 'api.ts', 'page.ts'].map(
    (file) => [`${file}.txt`, `src/sandbox/__name__/${file}`] as const,
  ),
]

/** The lists that know of every rail and every simulator: their import of the folder, and its place at the end. */
const LISTS = [
  {
    path: 'src/payments/rails/index.ts',
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
 * Writes the folder of a new rail (settings, client, translation, README, fixtures, tests), its simulator, and adds both to their lists. What it
 * writes is a whole small rail over an invented provider: it passes the contract, and is changed from there. Throws on a name that is taken.
 * @returns the files written or changed, from `root`
 */
export function writeRail(name: string, root = '.'): readonly string[] {
  if (!/^[a-z][a-z0-9]{1,19}$/.test(name))
    throw new Error(`"${name}" is no name of a rail: 2 to 20 small letters and digits, such as "airtel"`)
  const fill = (text: string): string =>
    text
      .replaceAll('__name__', name)
      .replaceAll('__Name__', name.charAt(0).toUpperCase() + name.slice(1))
      .replaceAll('__NAME__', name.toUpperCase())
  for (const folder of ['src/payments/rails/__name__', 'src/sandbox/__name__'])
    if (existsSync(join(root, fill(folder)))) throw new Error(`${fill(folder)} is there already`)

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
