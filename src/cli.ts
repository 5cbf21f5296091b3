// Keep these imports few: a command imports its code when it runs, so that --help responds fast.
import { Command, CommanderError } from 'commander'
import { platformCommands } from '#platform/process/commands'
import { AppError } from '#platform/base/errors'
import { packageVersion } from '#platform/base/version'
import type { Attachment } from './attach.ts'
import { moduleCommands } from './commands.ts'

let attachment: Promise<Attachment> | undefined
const attach = (): Promise<Attachment> =>
  (attachment ??= import('./attach.ts').then(({ createAttachment }) => createAttachment()))
const open = async () => (await attach()).open()
const openApp = async () => (await attach()).openApp()

const program = new Command('npx purser')
  .description(
    'Payment server: collects payments and keeps one double-entry ledger. Commands work with or without a running program.',
  )
  .version(packageVersion)
  .showHelpAfterError('(npx purser --help lists the commands)')
  .exitOverride()

program
  .command('start')
  .description('start the program: web server, worker and, in the sandbox, simulated providers')
  .action(async () => (await import('./main.ts')).main())
platformCommands(program, {
  specs: async () => (await import('./foundation.ts')).configSpecs,
  load: async () => (await import('./foundation.ts')).loadAppConfig(),
  open,
  openModules: async () => {
    const { db, print } = await open()
    return { db, modules: (await openApp()).modules, print }
  },
})
moduleCommands(program, open, openApp)

try {
  await program.parseAsync(rewriteHelp(process.argv.slice(2)), { from: 'user' })
} catch (error) {
  if (!(error instanceof CommanderError)) process.stderr.write(`${explain(error)}\n`)
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1
} finally {
  await (await attachment)?.[Symbol.asyncDispose]()
}

/** Rewrites `help key create` to `key create --help`. Otherwise commander prints the help of a command before its code is loaded. */
function rewriteHelp(args: readonly string[]): readonly string[] {
  const [first, ...words] = args
  return first === 'help' && words.length > 0 ? [...words, '--help'] : args
}

/** Returns the message of an error for the user, or the stack of a bug. */
function explain(error: unknown): string {
  if (error instanceof AppError && error.code !== 'internal') return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
