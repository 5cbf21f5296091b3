import type { FailureReason } from '#rails/contract'

/** Why a try failed, in plain words. Each is a whole sentence. */
export const REASONS: Readonly<Record<'en' | 'sw', Readonly<Record<FailureReason, string>>>> = {
  en: {
    'insufficient-funds': 'There was not enough money in the account.',
    'canceled-by-payer': 'The prompt was declined on the phone.',
    'no-response': 'Nobody answered the prompt on the phone.',
    'wrong-pin': 'The PIN was wrong.',
    declined: 'The bank declined the card.',
    expired: 'The time for this try ran out.',
    'limit-exceeded': 'The amount is above a limit of the account.',
    'invalid-phone': 'This number cannot be asked to pay.',
    'authentication-failed': 'The bank could not confirm that it was you.',
    'provider-rejected': 'The payment company refused the request.',
    'provider-unavailable': 'The payment company could not be reached.',
    'not-received': 'The transfer has not arrived.',
  },
  sw: {
    'insufficient-funds': 'Salio kwenye akaunti halikutosha.',
    'canceled-by-payer': 'Ombi lilikataliwa kwenye simu.',
    'no-response': 'Hakuna aliyejibu ombi kwenye simu.',
    'wrong-pin': 'PIN haikuwa sahihi.',
    declined: 'Benki imekataa kadi hiyo.',
    expired: 'Muda wa jaribio hili umeisha.',
    'limit-exceeded': 'Kiasi hiki kinazidi kiwango kinachoruhusiwa kwenye akaunti.',
    'invalid-phone': 'Nambari hii haiwezi kutumiwa ombi la malipo.',
    'authentication-failed': 'Benki haikuweza kuthibitisha kuwa ni wewe.',
    'provider-rejected': 'Kampuni ya malipo imekataa ombi hili.',
    'provider-unavailable': 'Kampuni ya malipo haikupatikana.',
    'not-received': 'Pesa ulizotuma hazijafika.',
  },
}
