import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAILURE_REASONS } from '#rails/contract'
import { LANGUAGES, languageOf, speak } from './strings.ts'

void test('the language is the one asked for, else the first that the browser accepts and we speak', () => {
  assert.equal(languageOf('sw', 'en'), 'sw')
  assert.equal(languageOf(undefined, 'fr-FR,fr;q=0.9,sw-KE;q=0.8,en;q=0.7'), 'sw')
  assert.equal(languageOf('xx', undefined), 'en')
  assert.equal(languageOf(undefined, 'fr-FR', 'sw'), 'sw', 'a browser in another language gets the merchant’s')
  assert.equal(languageOf(undefined, 'en-KE', 'sw'), 'en', 'what the browser asks for goes before it')
})

void test('every reason for a failure has words in every language, and placeholders are filled', () => {
  for (const language of LANGUAGES) {
    const speech = speak(language)
    for (const reason of FAILURE_REASONS) assert.match(speech.reason(reason), /\w.*\.$/, `${language} ${reason}`)
    const said = speech.say('payTo', { merchant: 'Duka <b>' })
    assert.ok(said.includes('Duka <b>') && !said.includes('{'), said)
  }
})
