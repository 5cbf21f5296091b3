import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { addMs, systemClock } from './clock.ts'
import { verifySignature, toUnixSeconds, signatureOf } from './signatures.ts'

const SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes ...').toString('base64')}`
const OTHER = `whsec_${Buffer.from('another secret of as many bytes.').toString('base64')}`
const BODY = '{"type":"orders.payment.succeeded","text":"Njeri’s"}'

/** Signatures of both vendors' packages. These packages use the system time only. */
const SIGNERS = {
  svix: (id: string, at: Date) => new SvixWebhook(SECRET).sign(id, at, BODY),
  standardwebhooks: (id: string, at: Date) => new StandardWebhook(SECRET).sign(id, at, BODY),
} as const

function signed(at: Date, prefix: 'svix' | 'webhook', signature: string): Record<string, string> {
  return { [`${prefix}-id`]: 'msg_1', [`${prefix}-timestamp`]: toUnixSeconds(at), [`${prefix}-signature`]: signature }
}

test('signatures of svix and standardwebhooks verify under both header names, and both packages verify ours', () => {
  const now = systemClock.now()
  for (const sign of Object.values(SIGNERS)) {
    for (const prefix of ['svix', 'webhook'] as const) {
      const headers = signed(now, prefix, sign('msg_1', now))
      assert.deepEqual(verifySignature({ headers, body: Buffer.from(BODY), now }, SECRET), { ok: true, id: 'msg_1' })
    }
  }
  const signature = signatureOf(SECRET, { id: 'msg_1', at: now, body: BODY })
  // verify() throws when the signature is invalid.
  new SvixWebhook(SECRET).verify(BODY, signed(now, 'svix', signature))
  new StandardWebhook(SECRET).verify(BODY, signed(now, 'webhook', signature))
})

test('one valid signature of several is enough, so that a secret can be rotated', () => {
  const now = systemClock.now()
  const message = { id: 'msg_1', at: now, body: BODY }
  const headers = signed(now, 'svix', `v1a,xyz ${signatureOf(OTHER, message)} ${signatureOf(SECRET, message)}`)
  assert.equal(verifySignature({ headers, body: Buffer.from(BODY), now }, SECRET).ok, true)
})

test('forged, changed, old and future messages are refused, by svix as well', () => {
  const now = systemClock.now()
  const message = { id: 'msg_1', at: now, body: BODY }
  const right = signatureOf(SECRET, message)
  const signedAt = (ms: number): Record<string, string> => {
    const at = addMs(now, ms)
    return signed(at, 'svix', signatureOf(SECRET, { ...message, at }))
  }
  const cases: readonly [headers: Record<string, string>, body: string, why: RegExp][] = [
    [{}, BODY, /missing/],
    [signed(now, 'svix', signatureOf(OTHER, message)), BODY, /does not match/],
    [signed(now, 'svix', right), BODY.replace('Njeri', 'Asha'), /does not match/],
    [{ ...signed(now, 'svix', right), 'svix-id': 'msg_2' }, BODY, /does not match/],
    [{ ...signed(now, 'svix', right), 'svix-timestamp': toUnixSeconds(addMs(now, 1000)) }, BODY, /does not match/],
    [signed(now, 'svix', right.replace('v1,', 'v2,')), BODY, /does not match/],
    [signed(now, 'svix', 'v1,'), BODY, /does not match/],
    [{ ...signed(now, 'svix', right), 'svix-timestamp': 'soon' }, BODY, /not a number/],
    [signedAt(-301_000), BODY, /more than 5 minutes/],
    [signedAt(302_000), BODY, /more than 5 minutes/],
  ]
  for (const [headers, body, why] of cases) {
    const checked = verifySignature({ headers, body: Buffer.from(body), now }, SECRET)
    assert.match(checked.ok ? 'accepted' : checked.why, why)
    assert.throws(() => new SvixWebhook(SECRET).verify(body, headers), JSON.stringify(headers))
  }
  const inTime = signedAt(-299_000)
  assert.equal(verifySignature({ headers: inTime, body: Buffer.from(BODY), now }, SECRET).ok, true)
})
