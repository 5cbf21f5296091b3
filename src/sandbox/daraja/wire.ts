import { z } from 'zod'
import type { Clock } from '#platform/base/clock'
import type { Reply, Request } from '#platform/web/http'
import type { Ids } from '#platform/base/ids'
import type { Deliver } from '../deliver.ts'
import type { Prompts } from '../phone/prompts.ts'
import { isToken } from './auth.ts'

export interface DarajaDeps {
  clock: Clock
  ids: Ids
  prompts: Prompts
  deliver: Deliver
}

export const wholeNumber = z
  .union([z.string().regex(/^\d{1,9}$/), z.int().nonnegative()])
  .transform((value) => BigInt(value))
export const digitsOf = z.union([z.string(), z.int()]).transform(String)

/** Returns the body when token and format are valid. Otherwise sends the error and returns undefined. */
export async function readBody<T>(
  deps: DarajaDeps,
  request: Request,
  reply: Reply,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  if (!isToken(request.headers.authorization, deps.clock.now())) {
    await refuse(deps, reply, 404, '404.001.03', 'Invalid Access Token')
    return undefined
  }
  const parsed = schema.safeParse(request.body)
  if (parsed.success) return parsed.data
  const field = String(parsed.error.issues[0]?.path[0] ?? 'Request')
  await refuse(deps, reply, 400, '400.002.02', `Bad Request - Invalid ${field}`)
  return undefined
}

export const refuse = (
  { ids }: DarajaDeps,
  reply: Reply,
  status: number,
  errorCode: string,
  errorMessage: string,
): Reply => reply.status(status).send({ requestId: ids.uuid(), errorCode, errorMessage })

/** Closes the connection: the request was processed, but its response is lost. */
export function cut(request: Request, reply: Reply): Reply {
  reply.hijack()
  request.raw.socket.destroy()
  return reply
}
