// npm run check -- subjects: checks commit subjects since the rule exists. Skipped without git history.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** The last commit before the rule. */
const BEFORE = 'da706177e43b137b9cb86fddfaf7f24020e1b9b1'
const LONGEST = 72
const PREFIX = /^[a-z]+(?:, [a-z]+)?(?=: \S)/
/** Names that are no folder of `src`. */
const OTHERS = [
  'docs',
  'tools',
  'test',
  'tests',
  'bench',
  'cli',
  'ci',
  'client',
  'sim',
  'program',
  'bin',
  'examples',
  'web',
  'migrations',
]

/** Returns a sentence for a subject that breaks the rule. */
const problemOf = (subject: string): string | undefined => {
  if (subject.length > LONGEST) return `${subject.length} characters; ${LONGEST} at most`
  const names = PREFIX.exec(subject)?.[0].split(', ') ?? []
  const isKnown = names.length > 0 && names.every((name) => OTHERS.includes(name) || existsSync(`src/${name}`))
  return isKnown ? undefined : 'begin with the module: `payments: retry unknown refunds`'
}

const git = (...args: string[]): string =>
  execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

function listSubjects(): string[] | undefined {
  try {
    return git('log', '--no-merges', '--format=%s', `${BEFORE}..HEAD`).split('\n').filter(Boolean)
  } catch {
    return undefined
  }
}

const subjects = listSubjects()
if (!subjects) console.log('skipped: the git history does not reach back to the first checked commit')
const wrong = (subjects ?? []).flatMap((subject) => {
  const problem = problemOf(subject)
  return problem === undefined ? [] : [`${subject}\n  ${problem}`]
})
for (const line of wrong) console.log(line)
process.exitCode = wrong.length > 0 ? 1 : 0
