import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSetClock } from '#platform/base/clock'
import { createIds } from '#platform/base/ids'
import { callbackToken, callbackUrl, readSubject, refundCallbackUrl, subjectOfToken } from './tokens.ts'

const key = Buffer.alloc(32, 1)
const attemptId = createIds(createSetClock()).next('att')
const token = callbackToken(key, attemptId)

void test('a token names its attempt in lower-case path characters', () => {
  assert.equal(subjectOfToken(key, token), attemptId)
  assert.match(token, /^[a-z0-9_.]+$/)
  assert.equal((token.split('.')[1] ?? '').length * 4, 160, 'bits')
})

void test('an invalid token names nothing', () => {
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
  for (const each of wrong) assert.equal(subjectOfToken(key, each), undefined, each)
})

void test('the callback URL uses the rail’s path alias', () => {
  assert.equal(
    callbackUrl('https://a.example', key, { name: 'cards' }, attemptId),
    `https://a.example/api/webhook/cards/${token}`,
  )
  const aliased = { name: 'tap', webhook: { pathAlias: 'stk', verify: () => ({ ok: true }) as const, parse: () => [] } }
  assert.equal(callbackUrl('https://a.example/', key, aliased, attemptId), `https://a.example/api/webhook/stk/${token}`)
})

void test('a refund sending has a distinct token for each purpose', () => {
  const refundId = createIds(createSetClock()).next('re')
  const urlOf = (purpose: 'result' | 'status', sending = 1): string =>
    refundCallbackUrl('https://a.example', key, { name: 'tap' }, { sendingId: `${refundId}-${sending}`, purpose })
  const result = new URL(urlOf('result')).pathname.split('/').at(-1) ?? ''
  assert.match(result, /^[a-z0-9_.-]+$/)
  const subject = subjectOfToken(key, result)
  assert.deepEqual(readSubject(subject ?? ''), { refundId, sendingId: `${refundId}-1`, purpose: 'result' })
  assert.equal(readSubject(attemptId), undefined)
  const mac = result.split('.')[1] ?? ''
  for (const forged of [
    `${refundId}-1-status.${mac}`,
    `${refundId}-2-result.${mac}`,
    `${refundId}.${mac}`,
    `${refundId}-1-else.${mac}`,
  ])
    assert.equal(subjectOfToken(key, forged), undefined, forged)
})
