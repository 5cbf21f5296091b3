import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contrastOf, shadesOf, renderColourStyle } from './colour.ts'

const LEAST = 4.5

void test('any colour of a merchant is readable on the page and on the button', () => {
  const colours = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, '0')}`)
  fc.assert(
    fc.property(colours, (colour) => {
      const { light, dark } = shadesOf(colour)
      for (const { main, ink } of [light, dark]) assert.ok(contrastOf(main, ink) >= LEAST, `${colour}: ${main} ${ink}`)
      for (const ground of ['#ffffff', '#eef1f6']) assert.ok(contrastOf(light.main, ground) >= LEAST, colour)
      for (const ground of ['#182132', '#131b2a', '#333d52']) assert.ok(contrastOf(dark.main, ground) >= LEAST, colour)
    }),
    { numRuns: 500 },
  )
})

void test('a readable colour does not change', () => {
  assert.equal(shadesOf('#0b6b4f').light.main, '#0b6b4f')
  assert.equal(shadesOf('#ffd700').dark.main, '#ffd700')
  assert.notEqual(shadesOf('#ffd700').light.main, '#ffd700', 'yellow on white cannot be read')
  assert.match(renderColourStyle('#0b6b4f'), /^:root\{--main:#0b6b4f;--main-ink:#ffffff;/)
})
