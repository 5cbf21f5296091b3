import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '#platform/base/clock'
import { createIds } from '#platform/base/ids'
import { Secret } from '#platform/base/secrets'
import { sandboxKey } from './index.ts'

void test('the sandbox key is the configured one, else the one in an owner-only file, the same at each start', (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'purser-sandbox-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const ids = createIds(systemClock)
  assert.equal(sandboxKey({ sandboxKey: new Secret('sk_test_fixed'), dataDir }, ids), 'sk_test_fixed')
  const made = sandboxKey({ sandboxKey: undefined, dataDir }, ids)
  assert.match(made, /^sk_test_[\w-]{32}$/)
  assert.equal(sandboxKey({ sandboxKey: undefined, dataDir }, ids), made)
  assert.equal(statSync(join(dataDir, 'sandbox-key')).mode & 0o777, 0o600)
  writeFileSync(join(dataDir, 'sandbox-key'), 'damaged')
  assert.notEqual(sandboxKey({ sandboxKey: undefined, dataDir }, ids), made)
})
