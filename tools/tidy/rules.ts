import { basename, extname } from 'node:path'
import { isTest, MAY_IMPORT, moduleOf, SCHEMAS, untidyImports } from './map.ts'
import { untidyComments } from './words.ts'

type Rule = readonly [pattern: RegExp, instead: string, home?: RegExp]

/** Rules for the code in `src`, without comments: pattern, what to do instead, and where the pattern is allowed. */
const BANNED: readonly Rule[] = [
  [/\bprocess\.env\b/, 'take it from #platform/environment/config', /^src\/platform\/environment\/config\.ts$/],
  [/\bDate\.now\(|\bnew Date\(\)/, 'take the injected clock', /^src\/platform\/base\/clock\.ts$/],
  [/\bMath\.random\(/, 'take ids and randomness from #platform/base/ids', /^src\/platform\/base\/ids\.ts$/],
  [/\bglobalThis\.fetch\b/, 'use #platform/web/fetch: it has the deadline, the limit and the log'],
  [/\bparseFloat\(|\.toFixed\(/, 'money is bigint; format with #money', /^src\/money\//],
  [/\bexport \*/, 'name what is exported'],
  [
    /(?<!npx )\bpurser (?:config|setting|db|check|merchant|store|key|operator|audit|ledger|rates|reconcile|payments|webhook|link|start)\b/,
    'write npx purser: the bare command is not on PATH',
    // A name in PostgreSQL's list of sessions, and text that is hashed.
    /\.test\.ts$|^src\/platform\/database\/postgres\/connection\.ts$|^src\/ledger\/chain\.ts$/,
  ],
]

/** Rules for every file, comments included. */
const UNFINISHED: readonly Rule[] = [[/\b(?:TODO|FIXME|XXX|HACK)\b/, 'finish it before it lands']]

const IN_TESTS: readonly Rule[] = [
  [/\b(?:test|it|describe|suite|t)\.(?:only|todo)\(|\b(?:only|todo): *true\b/, 'run all tests, and finish them'],
  [
    /\b(?:test|it|describe|suite)\.skip\(|\bskip: *true\b|\.skip\( *\)/,
    `say why: t.skip('reason') or { skip: 'reason' }`,
  ],
  [
    /\bsetTimeout\( *(?:resolve|r|res|done|ok|fulfil)\b|['"](?:node:)?timers\/promises['"]/,
    'wait for a condition: waitFor in test/wait.ts',
  ],
  [/\bmock\.(?:module|method|fn|timers)\b/, 'fake only the wire; give a clock instead of mocking one'],
]

const BANNED_NAME = /(?:^|[-.])(?:services?|managers?|helpers?|utils?|common)(?:[-.]|$)/
const NAME = /^[a-z0-9]+(?:-[a-z0-9]+){0,2}(?:\.[a-z0-9]+)*$/
const MAX_LINES = 400
const MAX_DOOR_LINES = 60
const MAX_MAIN_LINES = 40

/** Returns one line for each problem of a file. */
export function tidy(path: string, text: string): string[] {
  const bare = withoutComments(path, text)
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return [
    ...untidyName(path),
    ...tooLong(path, lines),
    ...breaches(UNFINISHED, path, text),
    ...untidyComments(path, text),
    ...(isTest(path) ? breaches(IN_TESTS, path, bare) : []),
    ...(path.startsWith('src/') && extname(path) === '.ts' ? breaches(BANNED, path, bare) : []),
    ...(extname(path) === '.ts' ? untidyImports(path, bare) : []),
    ...(path.startsWith('src/') ? untidySql(path, bare) : []),
  ].map((what) => `${path}: ${what}`)
}

function breaches(rules: readonly Rule[], path: string, text: string): string[] {
  return rules.flatMap(([pattern, instead, home]) => {
    const found = home?.test(path) ? null : pattern.exec(text)
    return found ? [`'${found[0].trim()}': ${instead}`] : []
  })
}

function untidyName(path: string): string[] {
  const found = path.split('/').filter((name) => BANNED_NAME.test(name))
  const file = basename(path)
  if (extname(path) === '.ts' && !NAME.test(file)) found.push(file)
  return found.map((name) => `'${name}': name it by what it is, in one to three lower-case words`)
}

function tooLong(path: string, lines: number): string[] {
  if (path === 'packages/client/src/api.ts') return []
  if (lines > MAX_LINES) return [`${lines} lines; ${MAX_LINES} at most`]
  if (path.startsWith('src/') && basename(path) === 'index.ts' && lines > MAX_DOOR_LINES) {
    return [`${lines} lines; an entry point has ${MAX_DOOR_LINES} at most`]
  }
  return path === 'src/main.ts' && lines > MAX_MAIN_LINES ? [`${lines} lines; ${MAX_MAIN_LINES} at most`] : []
}

const SQL_TAG = /\bsql(?:<[^`;()]*>)?`((?:[^`\\]|\\.)*)`/g
const SQL_HOME = /^src\/platform\/|(?:^|[/-])store\.ts$|\/store\/[^/]+$|\.test\.ts$/
/** Files that may contain SQL although they are not stores. */
const TABLE_FILES: readonly string[] = ['src/ledger/invariants.ts', 'src/sandbox/timers.ts']
/** Matches a table with its schema in SQL text. */
const TABLE = /\b(?:from|join|into|update|table|view|only|on)\s+(?:only\s+)?([a-z_]+)\.[a-z_]+/gi

function untidySql(path: string, text: string): string[] {
  const own = moduleOf(path)
  const found: string[] = []
  const statements = path.endsWith('.sql')
    ? [text]
    : [...text.matchAll(SQL_TAG)].map(([, body = '']) => body.replaceAll(/\$\{[^}]*\}/g, ' '))
  if (
    extname(path) === '.ts' &&
    statements.length > 0 &&
    !SQL_HOME.test(path) &&
    !TABLE_FILES.includes(path) &&
    !isTest(path)
  )
    found.push('SQL belongs in store.ts')
  const named = [
    ...statements.flatMap((body) => [...body.matchAll(/\b([a-z_]+)\.[a-z_]+/g)]),
    ...(extname(path) === '.ts' ? text.matchAll(TABLE) : []),
  ].map(([, schema = '']) => schema.toLowerCase())
  for (const schema of new Set(named)) {
    const home = schema === 'graphile_worker' ? 'platform' : schema
    if (SCHEMAS.includes(schema) && home !== own && !(isTest(path) && (MAY_IMPORT[own] ?? []).includes(home)))
      found.push(`touches the tables of ${schema}; call ${home} through its entry point`)
  }
  return found
}

/** Removes comments, because a comment that says "from ledger.transfers" is not SQL. Keeps URLs. */
function withoutComments(path: string, text: string): string {
  const line = path.endsWith('.sql') ? /--.*$/gm : /(?<![:'"`\\\w])\/\/.*$/gm
  return text.replaceAll(/(?<![\w'"`*/])\/\*[\s\S]*?\*\//g, '').replaceAll(line, '')
}
