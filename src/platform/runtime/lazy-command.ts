import type { Command } from 'commander'

/** A command of `purser`, or a group of them, by the name and text that `--help` shows. */
export interface LazyCommand {
  readonly name: string
  readonly description: string
  /** Imports the code and adds options, subcommands and action to `command`. Called once, before its arguments are read. */
  load(command: Command): Promise<void>
}

/** Adds the command to `program` without its code, so that `--help` and other commands do not wait for imports they do not need. */
export function declareCommand(program: Command, command: LazyCommand): void {
  const { name, description } = command
  loadBeforeUse(program, program.command(name).description(description), command)
}

/** Adds code to a command that another module may have declared. Declares the command when none has. */
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
