import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createMasterKey, createMasterKeyFile, readMasterKey } from './masterkey.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'purser-key-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

void test('a sealed text opens in its context only, and not when changed', () => {
  const key = createMasterKey([{ version: 1, key: randomBytes(32) }])
  const sealed = key.seal('sk_live_x ü', 'setting:A')
  assert.equal(sealed.includes('sk_live'), false)
  assert.notEqual(sealed, key.seal('sk_live_x ü', 'setting:A'))
  assert.equal(key.open(sealed, 'setting:A'), 'sk_live_x ü')
  const changed = `${sealed.slice(0, -2)}${sealed.endsWith('AA') ? 'BB' : 'AA'}`
  for (const [text, context] of [
    [sealed, 'setting:B'],
    [changed, 'setting:A'],
    ['plain', 'setting:A'],
    ['k9.AAAA', 'x'],
  ] as const) {
    assert.throws(() => key.open(text, context), { code: 'platform.seal-broken' })
  }
})

void test('an added version seals new texts, opens old ones and keeps derived keys unchanged', () => {
  const [first, second] = [randomBytes(32), randomBytes(32)]
  const before = createMasterKey([{ version: 1, key: first }])
  const after = createMasterKey([
    { version: 2, key: second },
    { version: 1, key: first },
  ])
  assert.equal(after.open(before.seal('x', 'c'), 'c'), 'x')
  assert.match(after.seal('x', 'c'), /^k2\./)
  assert.throws(() => before.open(after.seal('x', 'c'), 'c'), { code: 'platform.seal-broken' })
  assert.deepEqual(after.deriveKey('pepper'), before.deriveKey('pepper'))
  assert.notDeepEqual(after.deriveKey('pepper', 2), after.deriveKey('pepper', 1))
  assert.notDeepEqual(after.deriveKey('pepper'), after.deriveKey('callback'))
  assert.equal(after.deriveKey('pepper').length, 32)
})

void test('the file is created once, for its owner only, and read again', (t) => {
  const path = join(folder(t), 'data', 'master.key')
  assert.equal(readMasterKey(path), undefined)
  const created = createMasterKeyFile(path)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(readMasterKey(path)?.fingerprint(1), created.fingerprint(1))
  assert.equal(createMasterKeyFile(path).fingerprint(1), created.fingerprint(1), 'an existing key is never replaced')
})

void test('the error for an invalid key file is one line and does not quote the file', (t) => {
  const path = join(folder(t), 'master.key')
  const good = `{"version":1,"key":"${randomBytes(32).toString('base64url')}"}`
  for (const text of ['', 'hello', '{"version":1,"key":"short"}', `${good}\n${good}`, `${good}\nrubbish`]) {
    writeFileSync(path, text)
    assert.throws(
      () => readMasterKey(path),
      (error: Error) =>
        !error.message.includes('\n') && !error.message.includes('hello') && error.message.includes(path),
    )
  }
})
