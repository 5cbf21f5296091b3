import type { ConfigSpec, Loaded } from '../environment/config.ts'
import type { Database } from './startup.ts'
import type { CliContext, Module } from '../runtime/module.ts'

export interface PlatformCli extends CliContext {
  readonly database: Database
}

export interface CommandDeps {
  /** Returns the setting definitions of all modules. Imports their code. */
  readonly specs: () => Promise<readonly ConfigSpec[]>
  readonly load: () => Promise<Loaded<readonly ConfigSpec[]>>
  readonly open: () => Promise<PlatformCli>
  /** Opens the database and wires all modules, without running them. */
  readonly openModules: () => Promise<CheckContext>
}

export interface CheckContext extends Pick<CliContext, 'db' | 'print'> {
  readonly modules: readonly Pick<Module, 'invariants'>[]
}
