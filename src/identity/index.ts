export {
  DEFAULT_SCOPES,
  ROLES,
  SCOPES,
  type ApiKey,
  type AuditEntry,
  type AuditRow,
  type Caller,
  type Identity,
  type IdentityDeps,
  type Locale,
  type Merchant,
  type NewKey,
  type Operator,
  type Role,
  type Scope,
} from './face.ts'
export { identityCommands } from './commands.ts'
export { createIdentity } from './identity.ts'
export { sandboxKey } from './sandbox.ts'
export { identitySchema } from './schema.ts'
