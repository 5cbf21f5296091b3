import { posix } from 'node:path'

/** The modules of `src`, from top to bottom. A module may import only modules in its list; arrows never point up or sideways. */
const base = ['clients', 'money', 'platform']
const moneyIn = ['payments', 'payouts', 'cases', 'rails/contract']
const product = ['reconciliation', ...moneyIn, 'webhooks', 'bots', 'mail', 'identity', 'rates', 'ledger', ...base]
const desks = ['gateway', 'earnings', 'tokens', 'hub', 'billing']

export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['app', 'platform'],
  app: ['console', 'ops', 'sandbox', ...desks, ...product, 'inbox', 'rails'],
  console: ['identity', 'ledger', ...base],
  ops: ['identity', 'ledger', ...base],
  ...Object.fromEntries(desks.map((desk) => [desk, product])),
  reconciliation: [...moneyIn, 'money', 'platform'],
  payments: ['payouts', 'inbox', 'cases', 'rails/contract', 'rates', 'ledger', 'money', 'platform'],
  payouts: ['inbox', 'cases', 'rails/contract', 'ledger', 'money', 'platform'],
  inbox: ['rails/contract', 'money', 'platform'],
  cases: ['money', 'platform'],
  rails: ['rails/contract', ...base],
  'rails/contract': ['money', 'platform'],
  bots: ['identity', ...base],
  mail: ['identity', ...base],
  webhooks: ['identity', 'money', 'platform'],
  rates: base,
  identity: ['money', 'platform'],
  ledger: ['money', 'platform'],
  clients: ['money', 'platform'],
  money: ['platform'],
  platform: [],
  sandbox: ['money', 'platform'],
}

/** Modules that own a PostgreSQL schema of their name. The schema of the job library belongs to the platform. */
export const SCHEMAS: readonly string[] = [
  ...Object.keys(MAY_IMPORT).filter(
    (name) => !name.includes('/') && !['main', 'app', 'rails', 'money', 'clients'].includes(name),
  ),
  'graphile_worker',
]

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g

/** Returns the specifiers that a file imports, type imports included. */
export const importsOf = (text: string): string[] => [...text.matchAll(IMPORT)].map(([, spec = '']) => spec)

/** Tests, the fixtures that they share, and the contract test suites of rails. */
export const isTest = (path: string): boolean =>
  /\.test\.ts$|(^|\/)fixture\.ts$/.test(path) || path.startsWith('src/rails/suites/')

const APP_FILES = ['app.ts', 'attach.ts', 'commands.ts', 'foundation.ts', 'simulated.ts']
const MAIN_FILES = ['main.ts', 'cli.ts', 'welcome.ts']

/** Returns the part of the tree that a file belongs to. Each rail and each client is a separate part. */
function partOf(path: string): string {
  const [root = '', first = '', second = ''] = path.split('/')
  if (root !== 'src') return root
  if (APP_FILES.includes(first)) return 'app'
  if (MAIN_FILES.includes(first)) return 'main'
  const isOwnPart = (first === 'rails' || first === 'clients') && second !== '' && !second.endsWith('.ts')
  return isOwnPart ? `${first}/${second}` : first
}

const tierOf = (part: string): string =>
  part === 'rails/contract' ? part : part.replace(/^(rails|clients|platform)\/.*/, '$1')

/** Returns the module that a file belongs to. */
export const moduleOf = (path: string): string => partOf(path).split('/')[0] ?? ''

/** Returns a sentence for each import of a file that breaks the map. */
export function untidyImports(path: string, text: string): string[] {
  return importsOf(text).flatMap((spec) => {
    if (spec.startsWith('#')) return untidyDoor(path, spec)
    return spec.startsWith('.') ? untidyPath(path, spec) : []
  })
}

function untidyDoor(path: string, spec: string): string[] {
  const from = partOf(path)
  const to = spec.slice(1)
  if (!path.startsWith('src/')) return []
  if (to !== 'platform/process/commands' && to.endsWith('/commands')) {
    return path === 'src/commands.ts' ? [] : [`'${spec}' is known to src/commands.ts alone`]
  }
  const isContract = to === 'rails/contract' && from !== to && from.startsWith('rails')
  if (!isContract && (to === from || to.startsWith(`${from}/`))) {
    return [`'${spec}' is this module; import './…' inside it`]
  }
  if (/^platform\/[^/]+\/.+\//.test(to)) return [`'${spec}' reaches into a platform part; import its entry point`]
  const writes = /^platform\/(database\/(db|migrate)|runtime\/jobs)$/.test(to)
  if (tierOf(from) === 'rails' && writes && !isTest(path))
    return [`'${spec}': a rail only translates and writes nothing`]
  if (to === 'sandbox') {
    return from === 'app' || isTest(path) ? [] : [`'#sandbox' is known to src/app.ts alone`]
  }
  const allowed = MAY_IMPORT[tierOf(from)]
  if (!allowed) return [`'${from}' is not on the module map in tools/tidy/map.ts`]
  return allowed.includes(tierOf(to)) ? [] : [`${from} may not import ${to}`]
}

/** Returns whether a test imports the fixture of a module that the module of the test may import. */
const isFixtureBelow = (path: string, target: string): boolean =>
  isTest(path) && /(^|\/)fixture\.ts$/.test(target) && (MAY_IMPORT[partOf(path)] ?? []).includes(partOf(target))

function untidyPath(path: string, spec: string): string[] {
  const target = posix.join(posix.dirname(path), spec)
  const from = partOf(path)
  const to = partOf(target)
  if (!path.startsWith('src/')) return target.startsWith('src/') ? untidyFromOutside(path, target, spec) : []
  if (to === from || isFixtureBelow(path, target)) return []
  if (!target.startsWith('src/')) {
    return isTest(path) && target.startsWith('test/') ? [] : [`'${spec}' leaves src; only tests may, into test/`]
  }
  if (path === 'src/rails/index.ts' && to.startsWith('rails/')) return []
  if (isTest(path) && from.startsWith('rails/') && to === 'rails/suites') return []
  if (from === 'main' && to === 'app') return []
  if (to === 'app') return [`'${spec}': only main, cli, tools/generators.ts and test/ import app`]
  if (from === 'app' && to === 'main') return [`'${spec}': app does not know what starts it`]
  return [`'${spec}' reaches into ${to}; import its entry point, '#${to}'`]
}

/** Code in tools, bench and test imports entry points too. Files can then move inside a module without changes there. */
function untidyFromOutside(path: string, target: string, spec: string): string[] {
  if (['src/app.ts', 'src/cli.ts', 'src/foundation.ts'].includes(target)) {
    return path.startsWith('test/') || path === 'tools/generators.ts'
      ? []
      : [`'${spec}': only main, cli, tools/generators.ts and test/ import app`]
  }
  return [`'${spec}' reaches into ${partOf(target)}; import its entry point, '#${partOf(target)}'`]
}
