import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../base/errors.ts'
import { requireJson } from './provider.ts'

function refusal(headers: Record<string, string>): number | undefined {
  const answer = { status: 429, headers, body: Buffer.alloc(0), text: () => '', json: () => ({}) }
  try {
    requireJson(answer, { code: 'kraken', name: 'Kraken' })
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'kraken.too-many-requests')
    return error.retryAfterSeconds
  }
  return assert.fail('429 is no answer')
}

void test('Retry-After is parsed as seconds, or as a date relative to the Date header', () => {
  const date = 'Thu, 15 Jan 2026 09:00:00 GMT'
  assert.equal(refusal({ 'retry-after': '120', date }), 120)
  assert.equal(refusal({ 'retry-after': 'Thu, 15 Jan 2026 09:05:00 GMT', date }), 300)
  assert.equal(refusal({ 'retry-after': 'Thu, 15 Jan 2026 08:00:00 GMT', date }), 0)
  for (const headers of [{}, { 'retry-after': 'soon', date }, { 'retry-after': date }, { 'retry-after': '-5', date }])
    assert.equal(refusal(headers), undefined)
})
