import type { FailureReason } from '#rails/contract'

/** Reasons of a failed attempt for payers. Each is a complete sentence. */
export const REASONS: Readonly<Record<'en' | 'sw', Readonly<Record<FailureReason, string>>>> = {
  en: {
    'insufficient-funds': 'There was not enough money in the account.',
    'canceled-by-payer': 'The prompt was declined on the phone.',
    'no-response': 'The prompt on the phone was not answered.',
    'wrong-pin': 'The PIN was wrong.',
    declined: 'The bank declined the card.',
    expired: 'The time for this attempt ran out.',
    'limit-exceeded': 'The amount is above a limit of the account.',
    'invalid-phone': 'This number cannot receive a prompt.',
    'authentication-failed': 'The bank could not confirm that it was you.',
    'provider-rejected': 'The payment provider refused the request.',
    'provider-unavailable': 'The payment provider could not be reached.',
    'not-received': 'The transfer has not arrived.',
  },
  sw: {
    'insufficient-funds': 'Salio kwenye akaunti halitoshi.',
    'canceled-by-payer': 'Ombi lilikataliwa kwenye simu.',
    'no-response': 'Ombi kwenye simu halikujibiwa.',
    'wrong-pin': 'PIN haikuwa sahihi.',
    declined: 'Benki imekataa kadi hiyo.',
    expired: 'Muda wa jaribio hili umeisha.',
    'limit-exceeded': 'Kiasi hiki kinazidi kiwango kinachoruhusiwa kwenye akaunti.',
    'invalid-phone': 'Nambari hii haiwezi kutumiwa ombi la malipo.',
    'authentication-failed': 'Benki haikuweza kuthibitisha kuwa ni wewe.',
    'provider-rejected': 'Mtoa huduma ya malipo amekataa ombi hili.',
    'provider-unavailable': 'Mtoa huduma ya malipo hapatikani.',
    'not-received': 'Pesa ulizotuma hazijafika.',
  },
}
