import type { Command } from 'commander'
import { AppError } from '../errors.ts'
import type { CliContext, Module } from '../module.ts'

export interface CheckContext extends Pick<CliContext, 'db' | 'print'> {
  readonly modules: readonly Pick<Module, 'invariants'>[]
}

/** `purser check`: what must hold after every commit, asked of the database as it is now. May run beside the program. */
export function checkCommand(program: Command, open: () => Promise<CheckContext>): void {
  program
    .command('check')
    .description('look through the whole database for what must not be; exits 1 when something is broken')
    .action(async () => {
      const { db, print, modules } = await open()
      const invariants = modules.flatMap((module) => module.invariants ?? [])
      let broken = 0
      for (const { name, check } of invariants) {
        const problems = await check(db)
        print(problems.length === 0 ? `holds   ${name}` : `BROKEN  ${name}`)
        for (const problem of problems) print(`        ${problem}`)
        if (problems.length > 0) broken += 1
      }
      if (broken === 0) return print(`All ${invariants.length} hold.`)
      throw new AppError(
        'platform.broken',
        500,
        `${broken} of ${invariants.length} do not hold, see above: stop what pays money out, and look.`,
      )
    })
}
