import { AppError } from '../../base/errors.ts'
import type { CheckContext } from '../cli.ts'

/** Runs `npx purser check`: checks the invariants that hold after every commit. May run beside the program. */
export async function checkInvariants({ db, print, modules }: CheckContext): Promise<void> {
  const invariants = modules.flatMap((module) => module.invariants ?? [])
  let broken = 0
  for (const { name, check } of invariants) {
    const problems = await check(db)
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
