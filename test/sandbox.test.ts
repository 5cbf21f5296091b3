import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWorld } from './world.ts'

void test('sandbox pages that other machines can reach require a password', async () => {
  for (const [env, asks] of [
    [{}, false],
    [{ PUBLIC_URL: 'http://localhost:3000' }, false],
    [{ PUBLIC_URL: 'https://pay.example.com' }, true],
  ] as const) {
    await using world = await openWorld({ env })
    assert.equal(world.app.sandboxPassword !== undefined, asks, JSON.stringify(env))
  }
})

void test('a demo checkout does not change keys that another process on this database may have set', async () => {
  await using world = await openWorld()
  const { identity, db } = world.app
  await db.transaction((tx) => identity.ensureSandboxMerchant(tx, { secret: 'sk_test_of-another' }))
  assert.equal((await fetch(`${world.url}/demo`)).status, 200)
  const { merchantId } = await identity.authenticate('Bearer sk_test_of-another')
  assert.equal(merchantId, world.merchantId)
})
