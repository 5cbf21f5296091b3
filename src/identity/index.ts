export {
  DEFAULT_SCOPES,
  MEMBER_ROLES,
  ROLES,
  SCOPES,
  type ApiKey,
  type AuditEntry,
  type AuditRow,
  type Brand,
  type Caller,
  type Identity,
  type IdentityDeps,
  type Locale,
  type Logo,
  type Member,
  type MemberRole,
  type Merchant,
  type NewKey,
  type Operator,
  type Role,
  type Scope,
  type SettlementTerms,
  type Shop,
  type Store,
  type StoreChange,
} from './types.ts'
export { createIdentity } from './identity.ts'
export { sandboxKey } from './sandbox.ts'
export { identitySchema } from './schema.ts'
