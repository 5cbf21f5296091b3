import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSetClock } from '#platform/clock'
import { createIds } from '#platform/ids'
import { attemptOfToken, callbackToken, callbackUrl } from './callback.ts'

const key = Buffer.alloc(32, 1)
const attemptId = createIds(createSetClock()).next('att')
const token = callbackToken(key, attemptId)

void test('a token names its attempt, in characters that a path may have in lower case', () => {
  assert.equal(attemptOfToken(key, token), attemptId)
  assert.match(token, /^[a-z0-9_.]+$/)
  assert.equal((token.split('.')[1] ?? '').length * 4, 160, 'bits')
})

void test('anything else names nothing', () => {
  const other = createIds(createSetClock()).next('att')
  const mac = token.split('.')[1] ?? ''
  const wrong = [
    '',
    attemptId,
    `${attemptId}.`,
    `${other}.${mac}`,
    `${attemptId}.${mac.slice(1)}`,
    `${token}0`,
    `${token}.${mac}`,
    token.toUpperCase(),
    `pay_${attemptId.slice(4)}.${mac}`,
    callbackToken(Buffer.alloc(32, 2), attemptId),
  ]
  for (const each of wrong) assert.equal(attemptOfToken(key, each), undefined, each)
})

void test('the address of callbacks uses the name that the provider does not mind', () => {
  assert.equal(
    callbackUrl('https://a.example', key, { name: 'cards' }, attemptId),
    `https://a.example/api/webhook/cards/${token}`,
  )
  const aliased = { name: 'tap', webhook: { pathAlias: 'stk', verify: () => ({ ok: true }) as const, parse: () => [] } }
  assert.equal(callbackUrl('https://a.example/', key, aliased, attemptId), `https://a.example/api/webhook/stk/${token}`)
})
