import { configSpecs } from '../src/foundation.ts'
import { createGateway, type GatewayDeps } from '#gateway'
import { renderEnvExample } from '#platform/environment/config'
import { createHttp, renderOpenApi } from '#platform/web/http'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { packageVersion } from '#platform/base/version'
import { clientGenerator } from './client.ts'

/** A generated file that is committed. `npm run check` fails when it is stale. */
export interface Generator {
  /** Relative to the root of the repository. */
  path: string
  make(): string | Promise<string>
}

export const GENERATORS: readonly Generator[] = [
  {
    path: '.env.example',
    make: () => renderEnvExample(configSpecs),
  },
  { path: 'docs/openapi.json', make: describeApi },
  clientGenerator,
]

/** Returns the OpenAPI document that the routes declare. No request runs, so the routes get no dependencies. */
async function describeApi(): Promise<string> {
  const http = await createHttp({
    log: silentLog,
    metrics: createMetrics({ defaults: false }),
    version: packageVersion,
    publicUrl: 'http://127.0.0.1:3000',
  })
  const absent = new Proxy({}, { get: () => undefined }) as GatewayDeps
  createGateway(absent).routes?.(http)
  await http.ready()
  const text = renderOpenApi(http)
  await http.close()
  return text
}
