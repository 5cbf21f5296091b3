// Tests the structure of the code. Rules that a stock linter supports are in .oxlintrc.json instead.
import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findCircles, readGraph, type Graph } from './tidy/graph.ts'
import { crowdedFolders, parseRooms, untidyRooms, untidyRoomsOf } from './tidy/rooms.ts'
import { tidy } from './tidy/rules.ts'
import { untidyComments } from './tidy/words.ts'

const OURS = '{bin,src,test,tools,bench,examples,packages}/**/*.{ts,js,sql,css,html}'
/** Files that quote forbidden patterns. */
const QUOTING = ['tools/tidy.test.ts', 'tools/tidy/rules.ts', 'bench/results']

function assertNone(found: readonly string[]): void {
  assert.equal(found.length, 0, ['', ...found].join('\n'))
}

test('the tree is tidy', () => {
  const files = globSync(OURS, { exclude: ['**/node_modules/**', '**/dist/**'] }).filter(
    (path) => !QUOTING.some((quoting) => path.startsWith(quoting)),
  )
  assert.ok(files.length > 20)
  assertNone(files.flatMap((path) => tidy(path, readFileSync(path, 'utf8'))))
  const others = [...QUOTING, ...globSync('{*.md,docs/**/*.md,src/**/*.md,.ci/*}')].filter((path) =>
    /\.(ts|md)$|\.ci/.test(path),
  )
  const ownWords = others.filter((path) => path !== 'tools/tidy.test.ts')
  assertNone(ownWords.flatMap((path) => untidyComments(path, readFileSync(path, 'utf8'))))
})

const DOORS: Readonly<Record<string, string>> = { '#*/commands': 'commands.ts' }

test('every entry point in package.json exists', () => {
  const { imports } = JSON.parse(readFileSync('package.json', 'utf8')) as { imports: Record<string, string> }
  const closed = Object.entries(imports).filter(([door, path]) => {
    const expected = DOORS[door] ?? (door.endsWith('/*') ? '*.ts' : 'index.ts')
    return !path.endsWith(`/${expected}`) || globSync(path.replace('/*.ts', '/**/*.ts')).length === 0
  })
  assertNone(closed.map(([door, path]) => `${door}: ${path} does not exist, or is no entry point`))
})

test('every module has an entry point and a README that says what it owns and what happens when something is down', () => {
  const found = readdirSync('src', { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => untidyModule(name))
  assertNone(found)
})

function untidyModule(name: string): string[] {
  const path = `src/${name}/README.md`
  const doors = ['platform', 'clients'].includes(name) || existsSync(`src/${name}/index.ts`)
  const door = doors ? [] : [`src/${name} has no index.ts`]
  if (!existsSync(path))
    return [...door, `${path} is missing: owns, does not own, invariants, what happens when X is down`]
  const text = readFileSync(path, 'utf8')
  return [
    ...door,
    ...(/\bowns\b/i.test(text) ? [] : [`${path} does not say what it owns`]),
    ...(/\bdown\b/i.test(text) ? [] : [`${path} does not say what happens when something is down`]),
  ]
}

/** Path, text and the words of the finding. */
const BITES: readonly (readonly [path: string, text: string, finding: RegExp])[] = [
  // Imports between modules
  ['src/hub/index.ts', `import { x } from '#gateway'`, /hub may not import gateway/],
  ['src/ledger/index.ts', `import { x } from '#payments'`, /ledger may not import payments/],
  ['src/platform/database/db.ts', `import { x } from '#money'`, /platform may not import money/],
  ['src/platform/database/db.ts', `import { x } from '#platform/observe/log'`, /inside it/],
  ['src/ledger/store.ts', `import { x } from '#ledger'`, /inside it/],
  ['src/gateway/pay.ts', `import { x } from '#platform/runtime/jobs/relay'`, /reaches into a platform part/],
  ['src/gateway/pay.ts', `const { x } = await import('#hub')`, /may not import/],
  ['src/gateway/pay.ts', `export { x } from '#hub'`, /may not import/],
  ['src/clients/stripe/index.ts', `import { x } from '#clients/daraja'`, /may not import/],
  ['src/rails/mpesa/index.ts', `import { x } from '#ledger'`, /may not import ledger/],
  [
    'src/rails/mpesa/index.ts',
    `import { x } from '#platform/database/db'`,
    /a rail only translates and writes nothing/,
  ],
  ['src/rails/mpesa/index.ts', `import { x } from '../stripe/index.ts'`, /reaches into/],
  ['src/rails/mpesa/index.ts', `import type { Rail } from '../contract/rail.ts'`, /reaches into/],
  ['src/payments/settle.ts', `import { x } from '../rails/mpesa/index.ts'`, /reaches into/],
  ['src/hub/store.ts', `import { x } from '../ledger/store.ts'`, /reaches into ledger/],
  ['src/novel/index.ts', `import { x } from '#ledger'`, /not on the module map/],
  ['src/gateway/routes.ts', `import { x } from '#sandbox'`, /src\/app\.ts alone/],
  ['src/main.ts', `import { x } from '#sandbox'`, /src\/app\.ts alone/],
  ['src/sandbox/phone.ts', `import { x } from '#payments'`, /may not import payments/],
  ['src/gateway/routes.ts', `import { x } from '../app.ts'`, /only main, cli, tools\/generators.ts and test/],
  ['bench/payments.ts', `import { x } from '../src/app.ts'`, /only main, cli, tools\/generators.ts and test/],
  ['bench/payments.ts', `import { x } from '../src/ledger/store.ts'`, /its entry point, '#ledger'/],
  ['src/gateway/pay.ts', `import { x } from '../../test/world.ts'`, /leaves src/],
  ['src/app.ts', `import { x } from '#ledger/commands'`, /src\/commands\.ts alone/],
  ['src/ledger/errors.ts', `throw new Error('See: purser merchant list')`, /write npx purser/],
  ['src/inbox/queue.ts', `import { x } from '#payments'`, /inbox may not import payments/],
  ['src/payments/refunds/send.ts', `import { x } from '#rails'`, /payments may not import rails/],
  ['src/reconciliation/day.ts', `import { x } from '#inbox'`, /reconciliation may not import inbox/],
  // Allowed in one file only
  ['src/hub/index.ts', 'const key = process.env.KEY', /platform\/environment\/config/],
  ['src/hub/index.ts', 'const now = Date.now()', /injected clock/],
  ['src/hub/index.ts', 'const now = new Date()', /injected clock/],
  ['src/hub/index.ts', 'const id = Math.random()', /platform\/base\/ids/],
  ['src/tokens/index.ts', 'await globalThis.fetch(url)', /platform\/web\/fetch/],
  ['src/gateway/page.ts', 'const text = n.toFixed(2)', /bigint/],
  ['src/gateway/page.ts', 'const n = parseFloat(text)', /bigint/],
  ['src/hub/index.ts', `export * from './x.ts'`, /name what is exported/],
  // SQL
  ['src/hub/post.ts', 'await tx.run(sql`delete from hub.posts`)', /store\.ts/],
  ['src/hub/post.ts', 'await tx.many(sql<Row>`select 1`)', /store\.ts/],
  ['src/hub/store.ts', 'sql`select amount from ledger.transfers`', /tables of ledger/],
  ['src/hub/store.ts', 'sql`select * from hub.posts, ledger.transfers t`', /tables of ledger/],
  ['src/hub/store.ts', `const text = 'insert into payments.intents values (1)'`, /tables of payments/],
  ['src/hub/store.ts', 'sql`select graphile_worker.add_job(1)`', /tables of graphile_worker/],
  ['src/hub/migrations/0001-init.sql', 'create table ledger.extra (id text);', /tables of ledger/],
  ['src/hub/migrations/0001-init.sql', 'select ledger.post(1);', /tables of ledger/],
  // Size and names
  ['src/hub/index.ts', 'x\n'.repeat(61), /an entry point has 60/],
  ['src/main.ts', 'x\n'.repeat(41), /40 at most/],
  ['src/hub/post.test.ts', 'x\n'.repeat(401), /400 at most/],
  ['src/hub/migrations/0001-init.sql', 'x\n'.repeat(401), /400 at most/],
  ['src/hub/post-service.ts', '', /name it/],
  ['src/hub/helpers/text.ts', '', /name it/],
  ['src/hub/utils.ts', '', /name it/],
  ['src/hub/PostStore.ts', '', /name it/],
  ['src/hub/one-two-three-four.ts', '', /name it/],
  // Words
  ['src/hub/post.ts', '/** Of a post that was sent. */', /begin with a verb/],
  ['src/hub/post.ts', '/**\n * What became of it.\n */', /begin with a verb/],
  ['src/hub/post.ts', '// Whoever asks gets it.', /begin with a verb/],
  ['src/hub/post.ts', 'send() // so that it is there', /begin with a verb/],
  ['src/hub/migrations/0001-init.sql', '-- Whose post it is.', /begin with a verb/],
  ['src/hub/page.css', '/* As on paper. */', /begin with a verb/],
  ['src/hub/post.ts', 'const a = 1 // Of one', /begin with a verb/],
  ['src/hub/post.ts', '// Fine.\n// Of another', /begin with a verb/],
  ['src/hub/post.ts', '/** @returns what was sent */', /begin with a verb/],
  ['src/hub/migrations/0001-init.sql', '  amount bigint, -- Of the post.', /begin with a verb/],
  // Unfinished
  ['src/hub/post.ts', '// TODO: later', /finish it/],
  ['tools/check.ts', '/* FIXME */', /finish it/],
  // Tests
  ['src/hub/post.test.ts', `test.only('x', () => {})`, /run all tests/],
  ['src/hub/post.test.ts', `test.skip('x', () => {})`, /say why/],
  ['src/hub/post.test.ts', `test('x', { skip: true }, () => {})`, /say why/],
  ['src/hub/post.test.ts', 't.skip()', /say why/],
  ['src/hub/post.test.ts', 'await new Promise((resolve) => setTimeout(resolve, 100))', /waitFor/],
  ['src/hub/post.test.ts', `import { setTimeout } from 'node:timers/promises'`, /waitFor/],
  ['src/hub/post.test.ts', `t.mock.method(clock, 'now')`, /fake only the wire/],
]

const PASSES: readonly (readonly [path: string, text: string])[] = [
  ['src/ledger/store.ts', 'sql`select amount from ledger.transfers`'],
  ['src/ledger/balance-store.ts', 'sql`select t.amount from ledger.transfers t`'],
  [
    'src/gateway/routes.ts',
    `import { x } from '#payments'\nimport { y } from './store.ts'\nimport { z } from '#platform/web/http'`,
  ],
  ['src/rails/mpesa/index.ts', `import type { Rail } from '#rails/contract'\nimport { daraja } from '#clients/daraja'`],
  [
    'src/rails/mpesa/rail.test.ts',
    `import { x } from '../suites/collect.ts'\nimport { y } from '#sandbox'\nimport '../../../test/database.ts'`,
  ],
  ['src/rails/index.ts', `import { mpesa } from './mpesa/index.ts'\nimport type { Rail } from '#rails/contract'`],
  ['src/identity/store/keys.ts', 'sql`select 1 from identity.keys`'],
  ['src/app.ts', `import { rails } from '#rails'\nconst { x } = await import('#sandbox')`],
  ['src/main.ts', `import { openApp } from './app.ts'`],
  ['test/world.ts', `import { openApp } from '../src/app.ts'`],
  ['src/tokens/proxy.ts', 'await deps.fetch(url) // taken from ledger.transfers'],
  ['src/gateway/pay.test.ts', `t.skip('no browser')`],
  ['src/gateway/page/checkout.js', 'fetch(url); Date.now()'],
  ['src/platform/base/clock.ts', 'export const now = () => new Date()'],
  ['src/gateway/pay.ts', `const link = 'https://example.com/x'; const at = new Date(0)`],
  ['src/gateway/pay.ts', '// Retries the payment,\n// as the provider asks.'],
]

test('every rule bites', () => {
  for (const [path, text, finding] of BITES) {
    const found = tidy(path, text)
    assert.ok(
      found.some((line) => finding.test(line)),
      `${path}: ${text.slice(0, 80)}\nshould give ${String(finding)}, gave ${JSON.stringify(found)}`,
    )
  }
})

test('no rule bites what is allowed', () => {
  assertNone(PASSES.flatMap(([path, text]) => tidy(path, text)))
})

test('no file imports another one in a circle, type imports included', () => {
  assertNone(findCircles(readGraph()).map((circle) => `circle: ${circle.join(' → ')}`))
})

test('a circle of type imports is found', () => {
  const graph: Graph = new Map([
    ['a.ts', ['b.ts']],
    ['b.ts', ['c.ts']],
    ['c.ts', ['b.ts']],
    ['d.ts', ['d.ts']],
  ])
  assert.deepEqual(findCircles(graph), [['b.ts', 'c.ts'], ['d.ts']])
})

test('rooms of a module import only rooms below them', () => {
  for (const module of ['payments', 'gateway', 'platform', 'sandbox'])
    assert.ok(parseRooms(readFileSync(`src/${module}/README.md`, 'utf8')), `${module} has a table of rooms`)
  assertNone(untidyRoomsOf(readGraph()))
})

test('an import that points up or sideways between rooms is found', () => {
  const rooms = parseRooms(
    '# m\n\n## Rooms\n\n| room | |\n| --- | --- |\n| `./` | |\n| `api`, `page` | |\n| `store` | |\n| `*/types.ts` | |\n',
  )
  assert.deepEqual(rooms, [['./'], ['api', 'page'], ['store'], ['*/types.ts']])
  const found = (from: string, to: string): number =>
    untidyRooms('m', rooms ?? [], new Map([[`src/m/${from}`, [`src/m/${to}`]]])).length
  assert.equal(found('m.ts', 'api/a.ts'), 0)
  assert.equal(found('api/deep/a.ts', 'store/s.ts'), 0)
  assert.equal(found('store/s.ts', 'api/types.ts'), 0)
  assert.equal(found('store/s.ts', 'api/a.ts'), 1)
  assert.equal(found('api/a.ts', 'page/p.ts'), 1)
  assert.equal(found('api/a.ts', 'm.ts'), 1)
  assert.equal(found('api/types.ts', 'store/s.ts'), 1)
  assert.equal(found('new/n.ts', 'store/s.ts'), 1)
})

test('no folder below src is crowded', () => {
  assertNone(crowdedFolders(globSync('src/**/*.{ts,js,sql,css}').map((path) => path.replaceAll('\\', '/'))))
  const files = Array.from({ length: 21 }, (_, i) => `src/hub/file${i}.ts`)
  assert.equal(crowdedFolders(files).length, 1)
  assert.equal(crowdedFolders([...files.slice(1), 'src/hub/fixture.ts', 'src/hub/file.test.ts']).length, 0)
})
