import { AppError } from '#platform/base/errors'

export const noSuchEndpoint = (id: string): AppError =>
  new AppError('webhooks.no-such-endpoint', 404, `There is no webhook endpoint ${id}.`, { param: 'id' })

export const noSuchDelivery = (id: string): AppError =>
  new AppError('webhooks.no-such-delivery', 404, `There is no delivery ${id}.`, { param: 'id' })

export const badUrl = (why: string): AppError => new AppError('webhooks.bad-url', 422, `url ${why}.`, { param: 'url' })

export const tooManyEndpoints = (most: number): AppError =>
  new AppError('webhooks.too-many-endpoints', 409, `A merchant can have ${most} webhook endpoints. Delete one first.`)

export const tooManySecrets = (most: number): AppError =>
  new AppError(
    'webhooks.too-many-secrets',
    409,
    `${most} secrets of this endpoint are still valid. Wait until one expires, then create another.`,
  )

export const endpointDisabled = (id: string): AppError =>
  new AppError('webhooks.endpoint-disabled', 409, `The endpoint ${id} is disabled. Enable it first.`)
