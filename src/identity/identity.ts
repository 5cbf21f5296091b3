import { identityCommands } from './commands.ts'
import { createDirectory } from './directory.ts'
import type { Identity, IdentityDeps } from './types.ts'
import { identitySchema } from './schema.ts'

/** Merchants, their keys, operators, and the audit log of all that is done. */
export const createIdentity = (deps: IdentityDeps): Identity => ({
  ...createDirectory(deps),
  name: 'identity',
  schema: identitySchema,
  commands: identityCommands,
})
