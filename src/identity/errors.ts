import { AppError } from '#platform/base/errors'

export const unauthorized = (message: string): AppError => new AppError('unauthorized', 401, message)

export const unknownMerchant = (id: string): AppError =>
  new AppError('identity.unknown-merchant', 404, `There is no merchant ${id}. See: npx purser merchant list`)

export const unknownStore = (id: string): AppError =>
  new AppError('identity.unknown-store', 404, `There is no store ${id}. See: npx purser store list`, { param: 'store' })

export const unknownKey = (id: string): AppError =>
  new AppError('identity.unknown-key', 404, `There is no key ${id}. See: npx purser key list`)

export const badInput = (param: string, message: string): AppError =>
  new AppError('identity.bad-input', 422, message, { param })

export const badOrigin = (origin: string, why: string): AppError =>
  new AppError('identity.bad-origin', 422, `${origin.slice(0, 200)} cannot be a return origin: ${why}.`, {
    param: 'origin',
  })
