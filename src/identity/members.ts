import { AppError } from '#platform/base/errors'
import type { Queryable, Tx } from '#platform/database/db'
import type { Actor } from '#platform/runtime/module'
import type { IdentityDeps, MemberRole } from './types.ts'
import { requireMerchant } from './merchants.ts'
import { deleteMember, readRoles, writeMember } from './store/members.ts'
import { readOperatorByEmail } from './store/operators.ts'

export async function addMember(
  { clock }: IdentityDeps,
  tx: Tx,
  { merchantId, email, role }: { merchantId: string; email: string; role: MemberRole },
  actor: Actor,
): Promise<void> {
  const merchant = await requireMerchant(tx, merchantId)
  const operator = await requireOperator(tx, email)
  const detail = { operator: operator.id, role }
  const entry = { actor, action: 'identity.member-set', target: merchant.id, detail }
  await writeMember(tx, { merchantId: merchant.id, operatorId: operator.id, role }, { entry, at: clock.now() })
}

export async function removeMember(
  { clock }: IdentityDeps,
  tx: Tx,
  { merchantId, email }: { merchantId: string; email: string },
  actor: Actor,
): Promise<void> {
  const operator = await requireOperator(tx, email)
  const detail = { operator: operator.id }
  const entry = { actor, action: 'identity.member-removed', target: merchantId, detail }
  if (!(await deleteMember(tx, { merchantId, operatorId: operator.id }, { entry, at: clock.now() }))) {
    const said = `${operator.email} is not a member of ${merchantId}. See: npx purser merchant members list ${merchantId}`
    throw new AppError('identity.unknown-member', 404, said)
  }
}

async function requireOperator(tx: Tx, given: string): Promise<{ id: string; email: string }> {
  const email = given.trim().toLowerCase()
  const operator = await readOperatorByEmail(tx, email)
  if (operator && !operator.disabledAt) return operator
  throw new AppError('identity.unknown-operator', 404, `There is no operator ${email}. See: npx purser operator list`)
}

const RANK: Readonly<Record<MemberRole, number>> = { viewer: 1, support: 2, admin: 3, owner: 4 }

/** Returns the higher of an operator's two roles: for the installation and at the merchant. */
export async function findEffectiveRole(
  q: Queryable,
  by: { operatorId: string; merchantId: string },
): Promise<MemberRole | undefined> {
  const found = await readRoles(q, by)
  if (!found) return undefined
  const desk = found.role === 'member' ? undefined : found.role
  if (desk === undefined || found.at === null) return desk ?? found.at ?? undefined
  return RANK[found.at] > RANK[desk] ? found.at : desk
}
