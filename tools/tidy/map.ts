import { posix } from 'node:path'

const base = ['clients', 'money', 'platform']
const product = ['payments', 'webhooks', 'bots', 'identity', 'rates', 'ledger', ...base]

const desks = ['hub', 'gateway', 'billing', 'tokens', 'payouts']

/** Who may import whom; arrows only point down, and nothing imports sideways. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['app', 'platform'],
  app: [...desks, ...product, 'console', 'ops', 'sandbox', 'payments/rails', 'payments/rail'],
  console: ['identity', 'ledger', ...base],
  ops: ['identity', 'ledger', ...base],
  sandbox: ['money', 'platform'],
  ...Object.fromEntries(desks.map((desk) => [desk, product])),
  'payments/rails': ['payments/rail', ...base],
  payments: ['rates', 'ledger', 'money', 'platform'],
  bots: ['identity', ...base],
  webhooks: ['identity', 'money', 'platform'],
  rates: base,
  identity: ['money', 'platform'],
  ledger: ['money', 'platform'],
  clients: ['money', 'platform'],
  money: [],
  platform: [],
}

/** Modules and so schemas; the jobs library's schema is platform's. */
export const SCHEMAS: readonly string[] = [
  ...Object.keys(MAY_IMPORT).filter(
    (name) => !name.includes('/') && !['main', 'app', 'money', 'clients'].includes(name),
  ),
  'graphile_worker',
]

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g

/** Tests, and the stages they share. */
export const isTest = (path: string): boolean => /\.test\.ts$|(^|\/)fixture\.ts$/.test(path)

/** The part of the tree a file belongs to. Each rail and each client is a part of its own. */
function partOf(path: string): string {
  const [root = '', first = '', second = '', third] = path.split('/')
  if (root !== 'src') return root
  if (['app.ts', 'attach.ts', 'commands.ts', 'simulated.ts'].includes(first)) return 'app'
  if (['main.ts', 'cli.ts', 'welcome.ts'].includes(first)) return 'main'
  if (first === 'payments' && second === 'rails' && third !== undefined && !third.endsWith('.ts')) {
    return `payments/rails/${third}`
  }
  return first === 'clients' && !second.endsWith('.ts') ? `clients/${second}` : first
}

const tierOf = (part: string): string => part.replace(/^(payments\/rails|clients|platform)\/.*/, '$1')

export const moduleOf = (path: string): string => partOf(path).split('/')[0] ?? ''

/** What is wrong with the imports of one file. */
export function untidyImports(path: string, text: string): string[] {
  return [...text.matchAll(IMPORT)].flatMap(([, spec = '']) => {
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
  if (to === 'payments/rail' && path.startsWith('src/payments/rails/')) return []
  if (to === from || to.startsWith(`${from}/`)) return [`'${spec}' is this module; import './…' inside it`]
  if (/^platform\/[^/]+\/.+\//.test(to)) return [`'${spec}' reaches into a platform part; import its door`]
  if (
    tierOf(from) === 'payments/rails' &&
    /^platform\/(database\/(db|migrate)|runtime\/jobs)$/.test(to) &&
    !isTest(path)
  ) {
    return [`'${spec}': a rail writes nothing, it translates`]
  }
  if (to === 'sandbox') {
    return from === 'app' || isTest(path) ? [] : [`'#sandbox' is known to src/app.ts alone`]
  }
  const allowed = MAY_IMPORT[tierOf(from)]
  if (!allowed) return [`'${from}' is not on the module map in tools/tidy/map.ts`]
  return allowed.includes(tierOf(to)) ? [] : [`${from} may not import ${to}`]
}

function untidyPath(path: string, spec: string): string[] {
  const target = posix.join(posix.dirname(path), spec)
  const from = partOf(path)
  const to = partOf(target)
  if (!path.startsWith('src/')) return target.startsWith('src/') ? untidyFromOutside(path, target, spec) : []
  if (to === from) return []
  if (!target.startsWith('src/')) {
    return isTest(path) && target.startsWith('test/') ? [] : [`'${spec}' leaves src; only tests may, into test/`]
  }
  if (path === 'src/payments/rails/index.ts' && to.startsWith('payments/rails/')) return []
  if (isTest(path) && from.startsWith('payments/rails/') && /^src\/payments\/rails\/[^/]+$/.test(target)) return []
  if (from === 'main' && to === 'app') return []
  if (to === 'app') return [`'${spec}': only main, cli, tools/generators.ts and test/ import app`]
  if (from === 'app' && to === 'main') return [`'${spec}': app does not know what starts it`]
  return [`'${spec}' reaches into ${to}; import its door, '#${to}'`]
}

/** tools, bench and test use doors too, so that a module can be moved inside without them. */
function untidyFromOutside(path: string, target: string, spec: string): string[] {
  if (target === 'src/app.ts' || target === 'src/cli.ts') {
    return path.startsWith('test/') || path === 'tools/generators.ts'
      ? []
      : [`'${spec}': only main, cli, tools/generators.ts and test/ import app`]
  }
  return [`'${spec}' reaches into ${partOf(target)}; import its door, '#${partOf(target)}'`]
}
