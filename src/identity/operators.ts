import { AppError } from '#platform/base/errors'
import type { Tx } from '#platform/database/db'
import type { Actor } from '#platform/runtime/module'
import { badInput } from './errors.ts'
import type { IdentityDeps, Operator, Role } from './types.ts'
import { requireName } from './merchants.ts'
import { insertOperator, markDisabled, lockOwnersAndOperator } from './store/operators.ts'

const EMAIL = /^[^\s@]{1,100}@[^\s@]{1,99}$/

export async function createOperator(
  { ids, clock }: IdentityDeps,
  tx: Tx,
  input: { email: string; name: string; role: Role },
  actor: Actor,
): Promise<Operator> {
  const email = input.email.trim().toLowerCase()
  if (!EMAIL.test(email)) throw badInput('email', `${email.slice(0, 200)} is not an e-mail address.`)
  const createdAt = clock.now()
  const operator = {
    id: ids.next('opr'),
    email,
    name: requireName(input.name),
    role: input.role,
    createdAt,
    disabledAt: undefined,
  }
  const detail = { email, role: input.role }
  const entry = { actor, action: 'identity.operator-created', target: operator.id, detail }
  if (!(await insertOperator(tx, operator, { entry, at: createdAt }))) {
    throw new AppError('identity.operator-exists', 409, `There is already an operator ${email}. Use another address.`, {
      param: 'email',
    })
  }
  return operator
}

export async function disableOperator(
  { clock }: IdentityDeps,
  tx: Tx,
  input: { email: string },
  actor: Actor,
): Promise<void> {
  const email = input.email.trim().toLowerCase()
  const found = await lockOwnersAndOperator(tx, email)
  const operator = found.find((one) => one.email === email)
  if (!operator)
    throw new AppError('identity.unknown-operator', 404, `There is no operator ${email}. See: npx purser operator list`)
  if (operator.disabledAt) return
  if (operator.role === 'owner' && found.every((one) => one === operator)) {
    throw new AppError('identity.last-owner', 409, `${email} is the only owner left. Create another owner first.`)
  }
  const entry = { actor, action: 'identity.operator-disabled', target: operator.id, detail: { email } }
  await markDisabled(tx, operator.id, { entry, at: clock.now() })
}
