export { renderOpenApi } from './http/openapi.ts'
export { createHttp, type HttpOptions } from './http/server.ts'
export type { HttpServer, Refusal, Reply, Request } from './http/types.ts'
export { listen, ownUrl } from './http/listen.ts'
