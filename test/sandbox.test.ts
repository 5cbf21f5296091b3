import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWorld } from './world.ts'

void test('practice pages that others may reach ask for a password', async () => {
  for (const [env, asks] of [
    [{}, false],
    [{ PUBLIC_URL: 'http://localhost:3000' }, false],
    [{ PUBLIC_URL: 'https://pay.example.com' }, true],
  ] as const) {
    await using world = await openWorld({ env })
    assert.equal(world.app.sandboxPassword !== undefined, asks, JSON.stringify(env))
  }
})
