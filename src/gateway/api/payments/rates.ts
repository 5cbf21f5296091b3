import { isCurrency } from '#money'
import { AppError } from '#platform/base/errors'
import type { HttpServer } from '#platform/web/http'
import type { Rate } from '#rates'
import { ALLOW_STORE_KEYS } from '../access/access.ts'
import { refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'
import * as shapes from '../../resources/payment.ts'

export function rateRoute(app: HttpServer, { access, rates }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/rates',
    onRequest: access.require('payments:read', ALLOW_STORE_KEYS),
    config: { refusals: refusals('rates.unavailable', 'rates.unknown-pair') },
    schema: {
      operationId: 'getRate',
      tags: ['Rates'],
      security: [{ bearer: [] }],
      summary: 'Retrieve the exchange rate of two currencies',
      description:
        'Returns the median of several price sources, without outliers. Use it to show prices: a payment keeps the rate of its creation.',
      querystring: shapes.rateQuery,
      response: { 200: shapes.rate },
    },
    handler: async (request) => {
      const { livemode } = access.callerOf(request)
      const { base, quote } = request.query
      for (const [param, code] of Object.entries({ base, quote })) requireCurrency(param, code)
      return renderRate(await rates.rate(base, quote), { livemode, maxAgeMs: rates.maxAgeMs() })
    },
  })
}

function requireCurrency(param: string, code: string): void {
  if (isCurrency(code)) return
  const said = `${param} "${code}" is not known; use a code such as "KES"`
  throw new AppError('validation-failed', 422, said, { param })
}

const renderRate = (
  { base, quote, text, sources, at, ageMs }: Rate,
  { livemode, maxAgeMs }: { livemode: boolean; maxAgeMs: number },
): shapes.RateObject => ({
  object: 'rate',
  livemode,
  base,
  quote,
  rate: text,
  sources: [...sources],
  at: at.toISOString(),
  age_seconds: Math.floor(ageMs / 1000),
  max_age_seconds: maxAgeMs / 1000,
})
