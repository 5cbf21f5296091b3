import type { FailureReason } from '#payments'

export const LANGUAGES = ['en', 'sw'] as const
export type Language = (typeof LANGUAGES)[number]

/** Words of the checkout page. `{x}` is filled in by `say`. */
const en = {
  name: 'English',
  payTo: 'Pay {merchant}',
  testMode: 'Practice mode: no real money moves.',
  practicePhone: 'Open the practice phone',
  reference: 'Reference',
  timeLeft: 'Time left',
  chooseMethod: 'How would you like to pay?',
  mpesaTitle: 'M-Pesa',
  mpesaPhone: 'M-Pesa phone number',
  mpesaHint: 'For example 0712 345 678. We send a prompt to this phone.',
  mpesaButton: 'Pay {amount} by M-Pesa',
  cardTitle: 'Card',
  cardHint: 'You enter your card on our card partner’s secure page.',
  cardButton: 'Pay {amount} by card',
  otherButton: 'Pay {amount} by {method}',
  or: 'or',
  sendingTitle: 'Sending the prompt…',
  waitingTitle: 'Check your phone',
  waitingText:
    'A prompt to pay {amount} was sent to {phone}. Enter your M-Pesa PIN there. This page changes by itself.',
  unknownTitle: 'Waiting for M-Pesa',
  unknownText:
    'M-Pesa has not answered yet. If you got a prompt for {amount} on {phone}, answer it. We keep asking; do not pay twice.',
  cardWaitingTitle: 'Waiting for your card payment',
  cardWaitingText: 'Finish on the card page. This page changes by itself when the payment arrives.',
  cardContinue: 'Continue to the card page',
  reload: 'Check again',
  paidTitle: 'Paid. Thank you!',
  paidText: '{merchant} has received {amount}.',
  receipt: 'Receipt',
  receiptNumber: 'Receipt number',
  paidAt: 'Paid on',
  method: 'Paid by',
  amount: 'Amount',
  print: 'Print receipt',
  back: 'Back to {merchant}',
  overpaid: 'You paid {extra} more than asked. {merchant} can see it and can return it.',
  partialTitle: '{received} received, {due} still to pay',
  partialText: 'Your money is safe. Pay the rest to finish.',
  expiredTitle: 'This payment has expired',
  expiredText: 'Nothing more can be paid here. Ask {merchant} for a new link.',
  expiredReceived: '{received} arrived and is recorded with {merchant}; nothing is lost.',
  canceledTitle: 'This payment was canceled',
  canceledText: '{merchant} canceled it. Nothing is to be paid.',
  reversedTitle: 'This payment was reversed',
  reversedText: 'The money went back to the payer. Ask {merchant} what to do.',
  failedTitle: 'This payment could not be made',
  failedText: 'Ask {merchant} for another way to pay.',
  tryAgain: 'You can try again.',
  phoneInvalid: 'Enter a Safaricom number such as 0712 345 678.',
  notFoundTitle: 'There is no such payment',
  notFoundText: 'Check the link, or ask the shop for a new one.',
  tooMany: 'That was too many tries. Wait {minutes} and try again.',
  minute: '{n} min',
  inFlight: 'A prompt is already waiting on a phone. Answer it first, or wait a moment.',
  unavailable: 'This way to pay does not answer now. Try again in a minute, or pay another way.',
  crossSite: 'Open the payment page itself and pay from there.',
  broken: 'Something went wrong on our side. Nothing was lost: reload this page to see where the payment stands.',
  abandonedText:
    'M-Pesa never told us what happened. If money left your phone, it will still be counted here. If not, try again.',
}
export type Words = typeof en

const sw: Words = {
  name: 'Kiswahili',
  payTo: 'Lipa {merchant}',
  testMode: 'Hali ya majaribio: hakuna pesa halisi zinazotumika.',
  practicePhone: 'Fungua simu ya majaribio',
  reference: 'Kumbukumbu',
  timeLeft: 'Muda uliobaki',
  chooseMethod: 'Ungependa kulipa kwa njia gani?',
  mpesaTitle: 'M-Pesa',
  mpesaPhone: 'Namba ya simu ya M-Pesa',
  mpesaHint: 'Kwa mfano 0712 345 678. Tutatuma ombi la malipo kwa simu hii.',
  mpesaButton: 'Lipa {amount} kwa M-Pesa',
  cardTitle: 'Kadi',
  cardHint: 'Utaweka kadi yako kwenye ukurasa salama wa mshirika wetu wa kadi.',
  cardButton: 'Lipa {amount} kwa kadi',
  otherButton: 'Lipa {amount} kwa {method}',
  or: 'au',
  sendingTitle: 'Tunatuma ombi…',
  waitingTitle: 'Angalia simu yako',
  waitingText:
    'Ombi la kulipa {amount} limetumwa kwa {phone}. Weka PIN yako ya M-Pesa hapo. Ukurasa huu utabadilika wenyewe.',
  unknownTitle: 'Tunasubiri M-Pesa',
  unknownText:
    'M-Pesa bado haijajibu. Ukipata ombi la {amount} kwenye {phone}, lijibu. Tunaendelea kuuliza; usilipe mara mbili.',
  cardWaitingTitle: 'Tunasubiri malipo ya kadi yako',
  cardWaitingText: 'Maliza kwenye ukurasa wa kadi. Ukurasa huu utabadilika wenyewe malipo yakifika.',
  cardContinue: 'Endelea kwenye ukurasa wa kadi',
  reload: 'Angalia tena',
  paidTitle: 'Umelipa. Asante!',
  paidText: '{merchant} wamepokea {amount}.',
  receipt: 'Risiti',
  receiptNumber: 'Namba ya risiti',
  paidAt: 'Imelipwa tarehe',
  method: 'Imelipwa kwa',
  amount: 'Kiasi',
  print: 'Chapisha risiti',
  back: 'Rudi kwa {merchant}',
  overpaid: 'Umelipa {extra} zaidi ya kiasi kilichoombwa. {merchant} wanaona na wanaweza kurudisha.',
  partialTitle: '{received} zimepokelewa, bado {due}',
  partialText: 'Pesa zako ziko salama. Lipa kiasi kilichobaki kumaliza.',
  expiredTitle: 'Muda wa malipo haya umeisha',
  expiredText: 'Huwezi kulipa hapa tena. Omba kiungo kipya kutoka kwa {merchant}.',
  expiredReceived: '{received} zilifika na zimeandikwa kwa {merchant}; hakuna kilichopotea.',
  canceledTitle: 'Malipo haya yameghairiwa',
  canceledText: '{merchant} wameyaghairi. Hakuna cha kulipa.',
  reversedTitle: 'Malipo haya yamerudishwa',
  reversedText: 'Pesa zimerudi kwa aliyelipa. Uliza {merchant} cha kufanya.',
  failedTitle: 'Malipo haya hayakuwezekana',
  failedText: 'Omba {merchant} njia nyingine ya kulipa.',
  tryAgain: 'Unaweza kujaribu tena.',
  phoneInvalid: 'Weka namba ya Safaricom kama 0712 345 678.',
  notFoundTitle: 'Hakuna malipo kama haya',
  notFoundText: 'Hakikisha kiungo, au omba kipya kutoka dukani.',
  tooMany: 'Umejaribu mara nyingi mno. Subiri {minutes} kisha ujaribu tena.',
  minute: 'dakika {n}',
  inFlight: 'Tayari kuna ombi linalosubiri kwenye simu. Lijibu kwanza, au subiri kidogo.',
  unavailable: 'Njia hii haijibu sasa. Jaribu tena baada ya dakika moja, au lipa kwa njia nyingine.',
  crossSite: 'Fungua ukurasa wa malipo wenyewe na ulipe hapo.',
  broken: 'Hitilafu imetokea upande wetu. Hakuna kilichopotea: pakia ukurasa upya kuona hali ya malipo.',
  abandonedText:
    'M-Pesa haikutuambia kilichotokea. Kama pesa zilitoka kwenye simu yako, zitahesabiwa hapa. Kama sivyo, jaribu tena.',
}

const REASONS: Record<Language, Record<FailureReason, string>> = {
  en: {
    'insufficient-funds': 'There was not enough money in the account.',
    'canceled-by-payer': 'The prompt was declined on the phone.',
    'no-response': 'Nobody answered the prompt on the phone.',
    'wrong-pin': 'The PIN was wrong.',
    declined: 'The bank declined the card.',
    expired: 'The time for this try ran out.',
    'limit-exceeded': 'The amount is above a limit of the account.',
    'invalid-phone': 'This number cannot be asked to pay.',
    'authentication-failed': 'The bank’s check of the card was not passed.',
    'provider-rejected': 'The payment company refused the request.',
    'provider-unavailable': 'The payment company could not be reached; nothing was charged.',
  },
  sw: {
    'insufficient-funds': 'Hakukuwa na pesa za kutosha kwenye akaunti.',
    'canceled-by-payer': 'Ombi lilikataliwa kwenye simu.',
    'no-response': 'Hakuna aliyejibu ombi kwenye simu.',
    'wrong-pin': 'PIN haikuwa sahihi.',
    declined: 'Benki imekataa kadi.',
    expired: 'Muda wa jaribio hili umeisha.',
    'limit-exceeded': 'Kiasi kinazidi kiwango cha akaunti.',
    'invalid-phone': 'Namba hii haiwezi kuombwa kulipa.',
    'authentication-failed': 'Uhakiki wa kadi na benki haukufaulu.',
    'provider-rejected': 'Kampuni ya malipo imekataa ombi.',
    'provider-unavailable': 'Kampuni ya malipo haikupatikana; hakuna kilichotozwa.',
  },
}

const WORDS: Record<Language, Words> = { en, sw }

export interface Speech {
  readonly language: Language
  /** The sentence, with `{name}` filled in. */
  say(word: keyof Words, values?: Readonly<Record<string, string>>): string
  reason(reason: FailureReason): string
}

export function speak(language: Language): Speech {
  return {
    language,
    say: (word, values = {}) => WORDS[language][word].replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? ''),
    reason: (reason) => REASONS[language][reason],
  }
}

/** The language asked for by `?lang=`, else the first of Accept-Language that we speak, else English. */
export function languageOf(query: string | undefined, acceptLanguage: string | undefined): Language {
  const asked = [query ?? '', ...(acceptLanguage ?? '').slice(0, 200).split(',')]
  for (const tag of asked) {
    const known = LANGUAGES.find((language) => tag.trim().toLowerCase().startsWith(language))
    if (known) return known
  }
  return 'en'
}
