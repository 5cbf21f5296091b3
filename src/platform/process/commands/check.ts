import { systemClock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { recordResult } from '../../runtime/invariant-results.ts'
import type { CheckContext } from '../cli.ts'

/**
 * Runs `npx purser check`: checks the invariants that hold after every commit. May run beside the program, whose health then reports the
 * results.
 */
export async function checkInvariants({ db, print, modules }: CheckContext): Promise<void> {
  const invariants = modules.flatMap((module) => module.invariants ?? [])
  let broken = 0
  for (const { name, check } of invariants) {
    const startedAt = systemClock.now()
    const problems = await check(db)
    await recordResult(db, { name, problems, startedAt, endedAt: systemClock.now() })
    print(problems.length === 0 ? `holds   ${name}` : `BROKEN  ${name}`)
    for (const problem of problems) print(`        ${problem}`)
    if (problems.length > 0) broken += 1
  }
  if (broken === 0) return print(`All ${invariants.length} invariants hold.`)
  throw new AppError(
    'platform.broken',
    500,
    `${broken} of ${invariants.length} invariants are broken (see above). Stop payouts and investigate.`,
  )
}
