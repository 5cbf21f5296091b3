import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConcurrencyLimit, createSemaphore, withSemaphore } from './concurrency.ts'

test('an address has so many places, and each is given back once', () => {
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

test('who does not read keeps nobody waiting, and what is made at once has a limit', async () => {
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
  assert.deepEqual(await read('c'), ['c1', 'c2', 'c3'], 'a failure gives its turn back')
})
