import { html, type Html } from '#platform/base/html'
import { methodName } from '../../strings/format.ts'
import type { Speech } from '../../strings/strings.ts'
import type { Offer } from './amount.ts'

export interface AmountForm {
  readonly action: string
  readonly speech: Speech
  /** At least one. */
  readonly offers: readonly Offer[]
  readonly typed: Readonly<Partial<Record<'amount' | 'currency' | 'method' | 'note', string | undefined>>>
  /** Error text about the amount. */
  readonly problem?: string | undefined
  /** Allowed amounts in words, if there are bounds. */
  readonly hint?: string | undefined
  readonly withNote: boolean
}

/** Renders a form for the amount, and for currency and method if there is a choice. */
export function renderAmountForm({ action, speech, offers, typed, problem, hint, withNote }: AmountForm): Html {
  const wrong = problem !== undefined
  const [first] = offers
  return html`<form method="post" action="${action}" class="ask-form" novalidate>
    <div class="field">
      <label for="amount">${speech.say('amountToPay')}</label>
      <input
        id="amount"
        name="amount"
        type="text"
        inputmode="decimal"
        autocomplete="transaction-amount"
        maxlength="30"
        required
        value="${typed.amount ?? ''}"
        aria-describedby="${wrong ? 'amount-problem' : 'amount-hint'}"
        ${wrong && html`aria-invalid="true" autofocus`}
      />
      ${
        wrong
          ? html`<p id="amount-problem" class="problem" role="alert">${problem}</p>`
          : html`<p id="amount-hint" class="hint">${hint ?? speech.say('amountHint')}</p>`
      }
    </div>
    ${
      offers.length === 1
        ? html`<input type="hidden" name="currency" value="${first?.currency}" />`
        : chooseOne(
            'currency',
            speech.say('currency'),
            typed.currency,
            offers.map(({ currency }) => [currency, currencyName(currency, speech)]),
          )
    }
    ${methodField(offers, typed.method, speech)}
    ${
      withNote &&
      html`<div class="field">
        <label for="note">${speech.say('note')} <span class="small">(${speech.say('optional')})</span></label>
        <input id="note" name="note" type="text" maxlength="200" autocomplete="off" value="${typed.note ?? ''}" />
      </div>`
    }
    <button class="button">${speech.say('continueLabel')}</button>
  </form>`
}

/** Returns `KES – Kenyan Shilling`. The code is first, so that typing it selects it in the list. */
function currencyName(currency: string, { language }: Speech): string {
  // Intl throws on codes that are not of three letters, such as USDC.
  if (currency.length !== 3) return currency
  const name = new Intl.DisplayNames([language], { type: 'currency', fallback: 'none' }).of(currency)
  return name === undefined ? currency : `${currency} – ${name}`
}

function methodField(offers: readonly Offer[], chosen: string | undefined, speech: Speech): Html | undefined {
  const methods = [...new Set(offers.flatMap((offer) => offer.methods.map(({ method }) => method)))]
  if (methods.length < 2) return undefined
  return chooseOne('method', speech.say('how'), chosen, [
    ['', speech.say('howLater')],
    ...methods.map((method) => [method, methodName(method, speech, 'label')] as const),
  ])
}

const chooseOne = (
  name: string,
  label: string,
  chosen: string | undefined,
  options: readonly (readonly [value: string, text: string])[],
): Html =>
  html`<div class="field">
    <label for="${name}">${label}</label>
    <select id="${name}" name="${name}">
      ${options.map(
        ([value, text]) => html`<option value="${value}" ${value === chosen && html`selected`}>${text}</option>`,
      )}
    </select>
  </div>`
