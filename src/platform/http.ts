export type { ErrorBody } from './http/errors.ts'
export { renderOpenApi } from './http/openapi.ts'
export { createHttp, type HttpOptions } from './http/server.ts'
export type { HttpServer, PagePolicy, Reply, Request } from './http/types.ts'
