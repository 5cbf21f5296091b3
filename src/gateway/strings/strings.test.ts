import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAILURE_REASONS } from '#rails/contract'
import { LANGUAGES, languageOf, speak } from './strings.ts'

void test('the language is the requested one, else the first supported one that the browser accepts', () => {
  assert.equal(languageOf('sw', 'en'), 'sw')
  assert.equal(languageOf(undefined, 'fr-FR,fr;q=0.9,sw-KE;q=0.8,en;q=0.7'), 'sw')
  assert.equal(languageOf('xx', undefined), 'en')
  assert.equal(languageOf(undefined, 'fr-FR', 'sw'), 'sw', 'a browser in another language gets the merchant’s')
  assert.equal(languageOf(undefined, 'en-KE', 'sw'), 'en', 'the browser takes precedence over the merchant')
})

void test('every failure reason has a text in every language, and placeholders are filled in', () => {
  for (const language of LANGUAGES) {
    const speech = speak(language)
    for (const reason of FAILURE_REASONS) assert.match(speech.reason(reason), /\w.*\.$/, `${language} ${reason}`)
    const said = speech.say('payTo', { merchant: 'Duka <b>' })
    assert.ok(said.includes('Duka <b>') && !said.includes('{'), said)
  }
})
