import { identityCommands } from './commands.ts'
import { createDirectory } from './directory.ts'
import type { Identity, IdentityDeps } from './types.ts'
import { identitySchema } from './schema.ts'

/** Creates the module: merchants, API keys, operators and the audit log. */
export const createIdentity = (deps: IdentityDeps): Identity => ({
  ...createDirectory(deps),
  name: 'identity',
  schema: identitySchema,
  commands: identityCommands,
})
