import type { Core } from '../core.ts'
import { pageOfCases, resolveCase, type Reconciliation } from './cases.ts'
import { creditCase } from './credit.ts'

/** What a person does about differences between our books and the providers'. */
export const createReconciliation = (core: Core): Reconciliation => ({
  listCases: pageOfCases,
  resolve: (tx, by, audit) => resolveCase(tx, by, core.clock.now(), audit),
  credit: (by, audit) => creditCase(core, by, audit),
})
