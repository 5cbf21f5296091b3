import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConcurrencyLimit, createSemaphore, withSemaphore } from './concurrency.ts'

test('a key has a limited number of slots, and each is released once', () => {
  const seats = createConcurrencyLimit(2)
  const [first, second] = [seats.take('a'), seats.take('a')]
  assert.ok(first && second)
  assert.equal(seats.take('a'), undefined)
  assert.ok(seats.take('b'))
  first()
  first()
  assert.ok(seats.take('a'))
  assert.equal(seats.take('a'), undefined)
})

test('a stalled reader blocks no other reader, and concurrent production is limited', async () => {
  const turns = createSemaphore(1)
  let making = 0
  const closed: string[] = []
  const parts = async function* (name: string): AsyncGenerator<string, void> {
    try {
      for (let n = 1; n <= 3; n++) {
        assert.equal(++making, 1, 'one at a time')
        await new Promise((resolve) => setImmediate(resolve))
        making--
        yield `${name}${n}`
      }
    } finally {
      closed.push(name)
    }
  }
  const idle = withSemaphore(turns, parts('idle'))
  assert.deepEqual(await idle.next(), { done: false, value: 'idle1' })
  const read = (name: string): Promise<string[]> => Array.fromAsync(withSemaphore(turns, parts(name)))
  assert.deepEqual(await Promise.all([read('a'), read('b')]), [
    ['a1', 'a2', 'a3'],
    ['b1', 'b2', 'b3'],
  ])
  await idle.return()
  assert.deepEqual(closed.toSorted(), ['a', 'b', 'idle'])
  const failing = turns(() => Promise.reject(new Error('no')))
  await assert.rejects(failing, /no/)
  assert.deepEqual(await read('c'), ['c1', 'c2', 'c3'], 'a failure releases its permit')
})
