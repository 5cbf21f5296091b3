export { renderOpenApi } from './http/openapi.ts'
export { createHttp, type HttpOptions } from './http/server.ts'
export type { HttpServer, Refusal, Reply, Request } from './http/types.ts'
export { isLoopback, listen, ownUrl } from './http/listen.ts'
