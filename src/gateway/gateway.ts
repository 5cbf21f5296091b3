import type { HttpServer } from '#platform/http'
import type { Module } from '#platform/module'
import { apiRoutes, type ApiDeps } from './api/routes.ts'
import { pageRoutes, type PageDeps } from './page/routes.ts'

export type GatewayDeps = ApiDeps & PageDeps

/** The merchant's desk: the API under /api/v1 and the hosted checkout page under /pay. */
export function createGateway(deps: GatewayDeps): Module {
  return {
    name: 'gateway',
    routes: (app: HttpServer) => {
      apiRoutes(app, deps)
      pageRoutes(app, deps)
    },
  }
}
