export type { ReconciliationDeps } from './context.ts'
export { createReconciliation, reconciliationSchema } from './reconciliation.ts'
export { CASE_ACTIONS, type CaseAction, type CreditCase, type Reconciliation } from './types.ts'
