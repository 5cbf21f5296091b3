import type { FastifySchemaCompiler } from 'fastify'
import type { FastifySerializerCompiler } from 'fastify/types/schema.js'
import type { z } from 'zod'
import { AppError } from '../../base/errors.ts'

type Issue = z.core.$ZodIssue

/** Validates with zod. An invalid body or query is 422 and names the first invalid field; an invalid path parameter is 404. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (data) => {
    const result = schema.safeParse(data)
    if (result.success) return { value: result.data }
    return { error: httpPart === 'params' ? noSuchPath() : refusal(result.error.issues[0]) }
  }
}

export const noSuchPath = (): AppError =>
  new AppError('not-found', 404, 'This path does not exist. Check the path and the id in it.')

function refusal(issue: Issue | undefined): AppError {
  if (!issue)
    return new AppError(
      'validation-failed',
      422,
      'The request does not match its schema. Check it against the API reference.',
    )
  const path = [...issue.path, ...(issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [])].map(String)
  const param = path.join('.').slice(0, 200)
  const message = explainIssue(issue, param)
  return new AppError('validation-failed', 422, message, param === '' ? {} : { param })
}

function explainIssue(issue: Issue, param: string): string {
  const field = param === '' ? 'The body' : param
  if (issue.code === 'unrecognized_keys') return `${field} is not a known field. Remove it or correct its name.`
  // Fastify passes null when the body is missing.
  if (issue.code === 'invalid_type' && param === '' && issue.message.endsWith('received null'))
    return `The body is missing. Send a JSON ${issue.expected}.`
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return `${field} is missing. Send ${issue.expected === 'object' || issue.expected === 'array' ? 'an' : 'a'} ${issue.expected}.`
  return `${field}: ${issue.message.replace(/^Invalid input: /, '')}.`.replace(/\.\.$/, '.')
}

type SerializerCompiler = FastifySerializerCompiler<z.ZodType>

/** Serialises responses without validation. They are typed, and validating each would cost more than parsing it. */
export const plainSerializer: SerializerCompiler = () => JSON.stringify

/** Validates every response against its schema, so that the documentation stays true. For tests and development. */
export const checkingSerializer: SerializerCompiler = ({ schema, method, url, httpStatus }) => {
  if (typeof schema.safeParse !== 'function') return JSON.stringify
  return (data) => {
    const result = schema.safeParse(data)
    if (result.success) return JSON.stringify(data)
    throw new AppError(
      'internal',
      500,
      `The response ${httpStatus ?? ''} of ${method} ${url} does not match its schema`,
      {
        cause: result.error,
      },
    )
  }
}
