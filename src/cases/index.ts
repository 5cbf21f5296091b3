export { caseAlreadyEnded, casesSchema, createCases } from './cases.ts'
export { CASE_KINDS, CASE_STATES } from './types.ts'
export type { AuditDecision, Case, CaseKind, Cases, CaseState, ListCases, NewCase } from './types.ts'
