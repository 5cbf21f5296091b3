import type { FastifySchemaCompiler } from 'fastify'
import type { FastifySerializerCompiler } from 'fastify/types/schema.js'
import type { z } from 'zod'
import { AppError } from '../../base/errors.ts'

type Issue = z.core.$ZodIssue

/** Checks with zod. A body or query that does not fit is 422 and names the first field; a path that does not fit is not found. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (data) => {
    const result = schema.safeParse(data)
    if (result.success) return { value: result.data }
    return { error: httpPart === 'params' ? noSuchPath() : refusal(result.error.issues[0]) }
  }
}

export const noSuchPath = (): AppError =>
  new AppError('not-found', 404, 'There is nothing at this address: check the path and the id in it.')

function refusal(issue: Issue | undefined): AppError {
  if (!issue) return new AppError('validation-failed', 422, 'The request does not fit what is documented.')
  const path = [...issue.path, ...(issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [])].map(String)
  const param = path.join('.').slice(0, 200)
  const message = sentence(issue, param)
  return new AppError('validation-failed', 422, message, param === '' ? {} : { param })
}

function sentence(issue: Issue, param: string): string {
  const field = param === '' ? 'The body' : param
  if (issue.code === 'unrecognized_keys') return `${field} is not a known field: remove it or correct its name.`
  // Fastify gives null where there is no body.
  if (issue.code === 'invalid_type' && param === '' && issue.message.endsWith('received null'))
    return `The body is missing: send a JSON ${issue.expected}.`
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return `${field} is missing: give ${issue.expected === 'object' || issue.expected === 'array' ? 'an' : 'a'} ${issue.expected}.`
  return `${field}: ${issue.message.replace(/^Invalid input: /, '')}.`.replace(/\.\.$/, '.')
}

type SerializerCompiler = FastifySerializerCompiler<z.ZodType>

/** Trusts our own answers: they are typed, and checking each would cost more than reading it. */
export const plainSerializer: SerializerCompiler = () => JSON.stringify

/** Checks every answer against its schema, so that the documentation cannot lie. For tests and development. */
export const checkingSerializer: SerializerCompiler = ({ schema, method, url, httpStatus }) => {
  if (typeof schema.safeParse !== 'function') return JSON.stringify
  return (data) => {
    const result = schema.safeParse(data)
    if (result.success) return JSON.stringify(data)
    throw new AppError('internal', 500, `The answer ${httpStatus ?? ''} of ${method} ${url} does not fit its schema`, {
      cause: result.error,
    })
  }
}
