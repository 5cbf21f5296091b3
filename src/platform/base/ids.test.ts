import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSetClock, systemClock } from './clock.ts'
import { createIds, deriveUuid, firstIdAt, isId, timeOfId } from './ids.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

void test('an id is the base32 text of its UUIDv7, in the TypeID format', () => {
  // From the specification: https://github.com/jetify-com/typeid/blob/main/spec
  const bytes = Buffer.from('0188bac74afa78aabc3bbd1eef28d881', 'hex')
  const at = new Date(bytes.readUIntBE(0, 6))
  const clock = createSetClock(at)
  assert.match(createIds(clock, () => Buffer.from(bytes)).next('pay'), /^pay_01h2xcejqt.*rexx3vqjhp41$/)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 1, max: 2 ** 47 }), (random, ms) => {
      const make = (): ReturnType<typeof createIds> =>
        createIds(createSetClock(new Date(ms)), () => Buffer.from(random))
      const id = make().next('pay')
      let value = 0n
      for (const char of id.slice(4)) value = (value << 5n) | BigInt(ALPHABET.indexOf(char))
      const hex = value.toString(16).padStart(32, '0')
      assert.equal(hex, make().uuid().replaceAll('-', ''))
      assert.ok(isId('pay', id))
      assert.equal(timeOfId(id).getTime(), ms)
      assert.equal(deriveUuid(id, 'x').slice(0, 13), make().uuid().slice(0, 13))
    }),
  )
})

void test('ids of one process are ordered and unique, within a millisecond and when the clock steps back', () => {
  const clock = createSetClock()
  const ids = createIds(clock)
  const made: string[] = []
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20_000; i++) made.push(ids.next('pay'))
    clock.advance(round === 0 ? -60_000 : 1)
  }
  assert.deepEqual(made, made.toSorted())
  assert.equal(new Set(made).size, made.length)
})

void test('each random byte is used once', () => {
  const ids = createIds(systemClock)
  const secrets = Array.from({ length: 2_000 }, () => ids.secret(24))
  assert.equal(new Set(secrets).size, secrets.length)
  assert.ok(secrets.every((secret) => secret.length === 32))
  assert.equal(Buffer.from(ids.secret(10_000), 'base64url').length, 10_000)
  const other = createIds(systemClock)
  assert.notEqual(ids.uuid().slice(-12), other.uuid().slice(-12))
})

void test('the first id of a time sorts between ids created before it and ids created at it', () => {
  const clock = createSetClock()
  const ids = createIds(clock)
  const before = ids.next('pay')
  clock.advance(1)
  const first = firstIdAt('pay', clock.now())
  assert.ok(isId('pay', first))
  assert.ok(before < first && first < ids.next('pay'))
  assert.equal(timeOfId(first).getTime(), clock.now().getTime())
})
