import type { Command } from 'commander'

/** A command or command group of `npx purser`, with the name and description that `--help` shows. */
export interface LazyCommand {
  readonly name: string
  readonly description: string
  /** Imports the code and adds options, subcommands and action to `command`. Called once, before its arguments are parsed. */
  load(command: Command): Promise<void>
}

/** Declares the command without its code, so that `--help` and other commands do not wait for its imports. */
export function declareCommand(program: Command, command: LazyCommand): void {
  const { name, description } = command
  loadBeforeUse(program, program.command(name).description(description), command)
}

/** Adds code to a command that another module may have declared. Declares the command if it does not exist. */
export function extendCommand(program: Command, command: LazyCommand): void {
  const declared = program.commands.find((each) => each.name() === command.name)
  if (declared) loadBeforeUse(program, declared, command)
  else declareCommand(program, command)
}

function loadBeforeUse(program: Command, declared: Command, { load }: Pick<LazyCommand, 'load'>): void {
  let loading: Promise<void> | undefined
  program.hook('preSubcommand', async (_, asked) => {
    if (asked === declared) await (loading ??= load(declared))
  })
}
