import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assetOf, currencyOf, isCurrency, listCurrencies, scaleOf } from './index.ts'

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

/** All currencies by scale. Stored amounts are in minor units of `KES/2`, so a package upgrade must not change a scale. */
const KNOWN: Readonly<Record<number, readonly string[]>> = {
  0: words('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF XTR'),
  2: words(`AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV
    MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STD STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG`),
  3: words('BHD IQD JOD KWD LYD OMR TND'),
  4: words('CLF UYW'),
  6: words('USDC USDT'),
  8: ['BTC'],
  9: ['SOL'],
  18: ['ETH'],
}

void test('every ISO 4217 currency keeps the scale of stored amounts', () => {
  const found = Object.groupBy(listCurrencies(), (code) => scaleOf(assetOf(code)))
  const sorted = Object.entries(found).map(([scale, codes]) => [scale, codes?.toSorted()])
  assert.deepEqual(Object.fromEntries(sorted), KNOWN)
})

/** Codes that ISO 4217 has withdrawn and the runtime still lists: the kuna, the old leone, the old Zimbabwean dollar. */
const HISTORICAL = new Set(['HRK', 'SLL', 'ZWL'])
/** Units of account without minor units. No payer uses them. */
const NO_MINOR_UNIT = new Set(['XDR', 'XSU'])
/** Codes that were replaced by others. No account uses them. */
const REPLACED = new Set(['CUC'])

void test('every currency that the runtime lists is known', () => {
  const missing = Intl.supportedValuesOf('currency').filter((code) => !isCurrency(code))
  const explained = missing.filter((code) => HISTORICAL.has(code) || NO_MINOR_UNIT.has(code) || REPLACED.has(code))
  assert.deepEqual(missing, explained)
  for (const code of [...HISTORICAL, ...NO_MINOR_UNIT, 'XAU', 'XTS', 'XPT', 'LTL'])
    assert.equal(isCurrency(code), false)
})

void test('the list is sorted, ISO 4217 first, and each code has an asset', () => {
  const all = listCurrencies()
  const iso = all.slice(0, -6)
  assert.deepEqual(iso, iso.toSorted())
  assert.deepEqual(all.slice(-6), ['BTC', 'ETH', 'SOL', 'USDC', 'USDT', 'XTR'])
  for (const code of all) assert.equal(currencyOf(assetOf(code)), code)
})
