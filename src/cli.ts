// Imports little: what a command needs is imported when the command runs, so that --help answers at once.
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
  .description('A money desk: takes payments, keeps one ledger. Commands work with the running program, or without it.')
  .version(packageVersion)
  .showHelpAfterError('(npx purser --help lists the commands)')
  .exitOverride()

program
  .command('start')
  .description('run the program: web, worker and, in the sandbox, the simulated providers')
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
  await program.parseAsync(wordsOf(process.argv.slice(2)), { from: 'user' })
} catch (error) {
  if (!(error instanceof CommanderError)) process.stderr.write(`${explain(error)}\n`)
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1
} finally {
  await (await attachment)?.[Symbol.asyncDispose]()
}

/** `help key create` as `key create --help`: the library prints the help of a command before its code is loaded. */
function wordsOf(args: readonly string[]): readonly string[] {
  const [first, ...words] = args
  return first === 'help' && words.length > 0 ? [...words, '--help'] : args
}

/** The message alone where it says what to do; the stack where the fault is ours. */
function explain(error: unknown): string {
  if (error instanceof AppError && error.code !== 'internal') return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
