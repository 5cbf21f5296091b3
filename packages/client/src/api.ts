// Written by `npm run generate` from docs/openapi.json: change the API, not this file.

import type { CallOptions } from './options.ts'

/** Money that was seen at the attempt’s address */
export type Arrival = {
  /** The provider’s name for it, such as txid:vout */
  readonly id: string

  /** Decimal string in units of the currency, with its decimals */
  readonly amount: string

  /** seen: on its way. final: counted. gone: replaced, or taken back */
  readonly status: 'seen' | 'final' | 'gone'
  readonly confirmations: number | null
  readonly confirmations_needed: number | null

  /** When it was first seen */
  readonly at: string
}

/** One try to pay */
export type Attempt = {
  readonly id: string
  readonly object: 'attempt'
  readonly payment: string
  readonly method: string
  readonly status: 'created' | 'submitting' | 'pending' | 'unknown' | 'settled' | 'failed' | 'abandoned'

  /** Why it failed; on one that goes on, why the payer was refused last */
  readonly reason:
    | 'insufficient-funds'
    | 'canceled-by-payer'
    | 'no-response'
    | 'wrong-pin'
    | 'declined'
    | 'expired'
    | 'limit-exceeded'
    | 'invalid-phone'
    | 'authentication-failed'
    | 'provider-rejected'
    | 'provider-unavailable'
    | 'not-received'
    | null

  /** What was asked for, in `currency` */
  readonly amount: string

  /** Of the attempt: another than the payment’s where the method takes only that */
  readonly currency: string
  readonly rate: AttemptRate | null

  /** The provider's page that the payer goes to, for methods that have one */
  readonly redirect_url: string | null

  /** Where the payer sends to, for methods that have one; of a transfer by hand, lines of text */
  readonly address: string | null

  /** The payment code, which the payer writes on a transfer by hand */
  readonly code: string | null

  /** When the payer said that a transfer by hand was sent */
  readonly sent_at: string | null

  /** The same with what is due, for wallets and QR codes; null when nothing is */
  readonly payment_uri: string | null

  /** What is still to be sent to the address, in `currency` */
  readonly amount_due: string | null
  readonly arrivals: readonly Arrival[]

  /** Until when the payer can pay on it: the end of a prompt, the last day of a transfer by hand; null where only the provider knows */
  readonly expires_at: string | null
  readonly created_at: string
}

/** How the amount was made of what was due */
export type AttemptRate = {
  readonly base: string
  readonly quote: string

  /** Units of quote for one of base, as a decimal */
  readonly rate: string
  readonly sources: readonly string[]

  /** When the prices in it were so */
  readonly at: string

  /** What is first seen after it counts by the rate of its arrival */
  readonly locked_until: string | null

  /** Hundredths of a percent in the amount on top of the rate */
  readonly spread_bps: number
}

/** What the merchant owns */
export type Balance = {
  readonly object: 'balance'
  readonly livemode: boolean
  readonly balances: readonly {
    readonly currency: string

    /** What can be paid out or refunded */
    readonly available: string

    /** What is not available yet */
    readonly pending: string

    /** What is owed after chargebacks; repaid first by what comes in */
    readonly debt: string
  }[]
}

export type ConfirmTransferInput = {
  /** The transfer’s number in the bank’s books: each is counted once */
  readonly number: string

  /** What came; what was asked for unless told */
  readonly amount?: string | undefined

  /** It is one more than was confirmed before: the payer sent twice with one payment code */
  readonly another?: boolean | undefined
}

export type CreatePaymentInput = {
  /** Decimal string in units of the currency, with its decimals */
  readonly amount: string
  readonly currency: string

  /** What it is for: the payer sees it */
  readonly description?: string | undefined

  /** Your own name for it, such as an order number */
  readonly reference?: string | undefined
  readonly methods?: readonly string[] | undefined

  /** The store that sells it; of a key of one store always that */
  readonly store?: string | undefined

  /** Who pays, as far as known. Fills in the checkout page. */
  readonly customer?:
    | {
        /** Your own name for the customer, not an e-mail address or a phone number: it stays in the books */
        readonly id?: string | undefined
        readonly name?: string | undefined
        readonly email?: string | undefined

        /** With its country code; in a currency that mobile money takes, also in the national form of its country. Given back with the country code and without the plus */
        readonly phone?: string | undefined
      }
    | undefined

  /** What is paid goes to the prepaid balance of `customer.id`, and not to yours */
  readonly top_up?: boolean | undefined

  /** Where the payer goes after; its origin must be registered for the merchant */
  readonly return_url?: string | undefined

  /** Seconds until it expires */
  readonly expires_in?: number | undefined

  /** Your own notes, given back as they are */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export type CreatePaymentLinkInput = {
  readonly currency: string

  /** What is to pay. Without it the payer says how much. */
  readonly amount?: string | undefined

  /** The least that a payer can say */
  readonly min_amount?: string | undefined

  /** The most that a payer can say */
  readonly max_amount?: string | undefined

  /** What it is for: the payer sees it */
  readonly description?: string | undefined

  /** Your own name for it; payments made by the link carry it */
  readonly reference?: string | undefined

  /** Ways to pay in order; all without it */
  readonly methods?: readonly string[] | undefined
  readonly return_url?: string | undefined

  /** Over once one payment made by it is paid */
  readonly single_use?: boolean | undefined

  /** Nothing new can be begun by it from then on */
  readonly expires_at?: string | undefined
  readonly store?: string | undefined
}

export type CreateRefundInput = {
  /** In the currency; all that is left when absent */
  readonly amount?: string | undefined

  /** Of money that came in another currency than the payment’s and counts for nothing (`uncounted`); the payment’s when absent */
  readonly currency?: string | undefined

  /** Your own note; a payer who gets a link reads it */
  readonly reason?: string | undefined

  /** `auto`: the way the money came where that can be done, else by a link. `claim`: by a link in any case. */
  readonly method?: 'auto' | 'claim' | undefined

  /** For money that came in another currency than the payment’s: at which rate it goes back */
  readonly amount_basis?: 'paid_rate' | 'current_rate' | 'fiat' | undefined
} | null

export type CreateStoreInput = {
  readonly name: string
  readonly locale?: 'en' | 'sw' | null | undefined

  /** Of buttons. Pages take the nearest shade that can be read. */
  readonly colour?: string | null | undefined

  /** A PNG, JPEG or WebP picture of at most 100 kB, as base64; null takes it away */
  readonly logo?: string | null | undefined

  /** Where payers may be sent back to: for keys with the scope `origins:write`, which is given by name only */
  readonly return_origins?: readonly string[] | undefined

  /** Ways to pay in order; none for all */
  readonly methods?: readonly string[] | undefined
}

export type CreateWebhookEndpointInput = {
  /** Where to send them: a public address, https in live mode. Redirects are not followed. */
  readonly url: string

  /** What to be told of: `*` for all, `payment.*` for all of payments (so `refund.*`, `settlement.*`; `payout.*` is for payouts, which are still to come), or types: payment.created, payment.processing, payment.paid, payment.partially_paid, payment.overpaid, payment.expired, payment.canceled, payment.failed, payment.reversed, refund.created, refund.claimable, refund.succeeded, refund.failed, refund.canceled, refund.expired, settlement.created, settlement.completed, settlement.returned */
  readonly events?: readonly string[] | undefined

  /** Your own note */
  readonly description?: string | undefined
}

/** What a customer has paid in advance */
export type CustomerBalance = {
  readonly object: 'customer_balance'
  readonly customer: string
  readonly balances: readonly {
    readonly currency: string

    /** What they can pay with */
    readonly available: string
  }[]
}

export type DeletedWebhookEndpoint = {
  readonly id: string
  readonly object: 'webhook_endpoint'
  readonly deleted: true
}

/** An event on its way to an endpoint */
export type Delivery = {
  readonly id: string
  readonly object: 'delivery'
  readonly endpoint: string

  /** Its id, which is sent as `webhook-id` */
  readonly event: string
  readonly type: string

  /** What it tells of */
  readonly object_id: string
  readonly status: 'pending' | 'succeeded' | 'failed' | 'canceled'
  readonly attempt_count: number

  /** HTTP status of the last answer */
  readonly last_status: number | null

  /** Null when it is finished, or being sent now */
  readonly next_attempt_at: string | null
  readonly created_at: string
  readonly finished_at: string | null
}

/** A delivery with all that was sent and answered */
export type DeliveryDetail = {
  readonly id: string
  readonly object: 'delivery'
  readonly endpoint: string

  /** Its id, which is sent as `webhook-id` */
  readonly event: string
  readonly type: string

  /** What it tells of */
  readonly object_id: string
  readonly status: 'pending' | 'succeeded' | 'failed' | 'canceled'
  readonly attempt_count: number

  /** HTTP status of the last answer */
  readonly last_status: number | null

  /** Null when it is finished, or being sent now */
  readonly next_attempt_at: string | null
  readonly created_at: string
  readonly finished_at: string | null

  /** What is sent, to the byte */
  readonly body: string

  /** Newest first, a hundred at most */
  readonly attempts: readonly {
    readonly at: string
    readonly ms: number

    /** HTTP status; null when no answer came */
    readonly status: number | null

    /** The first 4 kB of the answer */
    readonly answer: string | null
    readonly error: string | null
  }[]
}

export type DeliveryList = {
  readonly object: 'list'
  readonly data: readonly Delivery[]
  readonly next_cursor: string | null
}

export type Error = {
  readonly error: {
    /** Machine-readable error code */
    readonly code: string

    /** Explanation for people: what happened and what to do */
    readonly message: string

    /** The invalid field, with dots between nested names */
    readonly param?: string | undefined
    readonly request_id: string
    readonly doc_url: string
  }
}

/** A movement on an account of the merchant, as a row */
export type LedgerLine = {
  /** Of the transfer */
  readonly id: string
  readonly at: string
  readonly account: string
  readonly direction: 'in' | 'out'
  readonly amount: string
  readonly currency: string

  /** What happened */
  readonly kind: string

  /** What it happened to */
  readonly about: string
}

/** All rows of the time, oldest first */
export type LedgerLineList = readonly LedgerLine[]

/** Who sells, as payers see it */
export type Merchant = {
  readonly id: string
  readonly object: 'merchant'
  readonly livemode: boolean
  readonly locale: 'en' | 'sw'
  readonly name: string
  readonly colour: string | null
  readonly logo_url: string | null
  readonly return_origins: readonly string[]
  readonly created_at: string

  /** Percent of a payment that may be missing when it is paid, 10 at most. Of payments made from then on. */
  readonly tolerance: string

  /** Set by the operator */
  readonly settlement: {
    /** From the receipt until it is available */
    readonly hold_days: number

    /** Kept of each receipt, in hundredths of a percent */
    readonly fee_bps: number

    /** Kept of each receipt, by currency */
    readonly fee_fixed: Readonly<Record<string, string>>
  }

  /** Where money is sent, as far as it is shown */
  readonly payout_destination: { readonly kind: 'mpesa' | 'bank'; readonly ends: string } | null
}

export type NewWebhookEndpoint = {
  readonly id: string
  readonly object: 'webhook_endpoint'
  readonly livemode: boolean
  readonly url: string
  readonly events: readonly string[]
  readonly description: string | null
  readonly enabled: boolean

  /** `failing`: nothing arrived for five days. `gone`: it answered 410. */
  readonly disabled_reason: 'requested' | 'failing' | 'gone' | null

  /** Since when every delivery has failed */
  readonly failing_since: string | null
  readonly created_at: string

  /** Verifies what we send, by the Standard Webhooks specification. Shown once: null when a request is repeated; rotate the secret to get another. */
  readonly secret: string | null
}

/** A payment: what is owed, what came of it */
export type Payment = {
  readonly id: string
  readonly object: 'payment'

  /** Grows with each change: of two copies the larger is newer */
  readonly version: number
  readonly livemode: boolean
  readonly status: 'open' | 'processing' | 'paid' | 'expired' | 'canceled' | 'failed' | 'reversed'

  /** Decimal string in units of the currency, with its decimals */
  readonly amount: string
  readonly currency: string

  /** Decimal string in units of the currency, with its decimals */
  readonly amount_received: string

  /** Decimal string in units of the currency, with its decimals */
  readonly amount_due: string

  /** Decimal string in units of the currency, with its decimals */
  readonly amount_refunded: string

  /** Money that came in another currency and counts for nothing, what of each arrival is left: refund it with its `currency` */
  readonly uncounted: readonly {
    /** Decimal string in units of the currency, with its decimals */
    readonly amount: string
    readonly currency: string
  }[]
  readonly flags: { readonly partial: boolean; readonly overpaid: boolean; readonly late: boolean }
  readonly checkout_url: string
  readonly methods: readonly string[]
  readonly description: string | null
  readonly reference: string | null

  /** The store that it was made in */
  readonly store: string | null

  /** The link that it was made by */
  readonly payment_link: string | null
  readonly customer: {
    readonly id: string | null
    readonly name: string | null
    readonly email: string | null
    readonly phone: string | null
  } | null

  /** What is paid goes to the prepaid balance of `customer.id` */
  readonly top_up: boolean
  readonly return_url: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly expires_at: string
  readonly created_at: string
  readonly attempts: readonly Attempt[]
}

/** A payment as a row */
export type PaymentLine = {
  readonly id: string
  readonly created_at: string
  readonly livemode: boolean
  readonly status: string
  readonly amount: string
  readonly currency: string
  readonly amount_received: string
  readonly amount_refunded: string
  readonly partial: boolean
  readonly overpaid: boolean
  readonly late: boolean
  readonly reference: string | null
  readonly description: string | null
  readonly customer_name: string | null
  readonly customer_email: string | null
  readonly customer_phone: string | null
  readonly expires_at: string
  readonly canceled_at: string | null
  readonly version: number

  /** The store that sold it */
  readonly store: string | null
  readonly payment_link: string | null
  readonly customer_id: string | null

  /** It fills a customer’s prepaid balance: no sale, and not yours */
  readonly top_up: boolean

  /** JSON text in CSV */
  readonly metadata: Readonly<Record<string, string>>
}

/** A page where payers pay, without a payment made beforehand */
export type PaymentLink = {
  readonly id: string
  readonly object: 'payment_link'
  readonly livemode: boolean

  /** What to send to payers */
  readonly url: string
  readonly currency: string
  readonly amount: string | null
  readonly min_amount: string | null
  readonly max_amount: string | null
  readonly description: string | null
  readonly reference: string | null
  readonly methods: readonly string[] | null
  readonly return_url: string | null
  readonly single_use: boolean

  /** Of a link for one use: the payment made by it last */
  readonly payment: string | null
  readonly store: string | null
  readonly expires_at: string | null
  readonly archived: boolean
  readonly created_at: string

  /** To paste, in the language of the shop. It works without scripts and without `style`. */
  readonly html: {
    /** A form with a button, to paste into a page; where the payer says how much, with a field for the amount */
    readonly button: string

    /** The same as a link, for e-mails and editors that take no forms */
    readonly link: string

    /** Once in the page, if you like: it dresses both in your colour. Or style `purser-form` and `purser-button` yourself. */
    readonly style: string
  }
}

export type PaymentLinkList = {
  readonly object: 'list'
  readonly data: readonly PaymentLink[]
  readonly next_cursor: string | null
}

/** A page of payments */
export type PaymentList = {
  readonly object: 'list'
  readonly data: readonly Payment[]
  readonly next_cursor: string | null
}

/** All rows of the time, oldest first */
export type PaymentsLineList = readonly PaymentLine[]

/** What one unit of a currency is worth in another now, before any spread */
export type Rate = {
  readonly object: 'rate'
  readonly livemode: boolean
  readonly base: string
  readonly quote: string

  /** Units of `quote` for one `base`: a decimal string with up to 18 significant digits */
  readonly rate: string

  /** Whose prices are in it; `fixed` is one that the operator set */
  readonly sources: readonly string[]

  /** When the oldest price in it was so */
  readonly at: string
  readonly age_seconds: number

  /** An older rate is never given: the answer is then 503 */
  readonly max_age_seconds: number
}

/** Money that arrived, as a row */
export type ReceiptLine = {
  readonly id: string
  readonly payment: string
  readonly attempt: string

  /** When it was entered in the books: what the range is about */
  readonly recorded_at: string

  /** When the provider took the money */
  readonly received_at: string
  readonly livemode: boolean
  readonly method: string

  /** The number that the payer was shown */
  readonly receipt_number: string | null
  readonly amount: string
  readonly currency: string

  /** What of it counts towards the payment, in the currency of the payment */
  readonly counted: string
  readonly refunded: string

  /** By the provider: chargebacks, failed after paid */
  readonly taken_back: string
  readonly payment_currency: string
  readonly late: boolean

  /** That of the payment */
  readonly reference: string | null

  /** The store that sold it */
  readonly store: string | null

  /** It fills a customer’s prepaid balance: no sale, and not yours */
  readonly top_up: boolean
}

/** All rows of the time, oldest first */
export type ReceiptsLineList = readonly ReceiptLine[]

/** A difference between our books and those of a provider */
export type ReconciliationCase = {
  readonly id: string
  readonly object: 'reconciliation_case'
  readonly rail: string

  /** Of BUSINESS_TIME_ZONE */
  readonly day: string
  readonly kind:
    | 'missing-here'
    | 'missing-there'
    | 'amount-differs'
    | 'currency-differs'
    | 'return-differs'
    | 'pending-for-ever'
    | 'returned-too-much'
    | 'taken-back'

  /** The provider's line, our receipt, or our attempt */
  readonly subject: string
  readonly payment: string | null
  readonly merchant: string | null
  readonly ours: { readonly amount: string; readonly currency: string } | null
  readonly theirs: { readonly amount: string; readonly currency: string } | null
  readonly moved_at: string

  /** `closed` or `credited` by a person, `repaired` when nothing differed any more */
  readonly status: 'open' | 'closed' | 'repaired' | 'credited'
  readonly suggested_action: string
  readonly note: string | null
  readonly created_at: string
  readonly closed_at: string | null
}

/** A page of differences */
export type ReconciliationCaseList = {
  readonly object: 'list'
  readonly data: readonly ReconciliationCase[]
  readonly next_cursor: string | null
}

export type RedeliverRangeInput = {
  /** Events of this time or later */
  readonly from: string

  /** Events before this time */
  readonly to: string

  /** `pending`: those that wait are sent now */
  readonly status?: 'pending' | 'succeeded' | 'failed' | 'canceled' | undefined
}

/** What a request to send again did */
export type Redelivery = {
  readonly object: 'redelivery'

  /** Deliveries that are sent again: 1000 at most in one request */
  readonly count: number

  /** When there may be more: ask again with this as `from` */
  readonly next_from: string | null
}

/** Money that goes back to a payer */
export type Refund = {
  readonly id: string
  readonly object: 'refund'

  /** Grows with each change: of two copies the larger is newer */
  readonly version: number
  readonly livemode: boolean
  readonly payment: string

  /** `pending`: under way, and asked about until it is known. `claimable`: send `claim_url` to the payer. `failed`: the money is in your balance again. */
  readonly status: 'pending' | 'claimable' | 'succeeded' | 'failed' | 'canceled' | 'expired'

  /** Decimal string in units of the currency, with its decimals */
  readonly amount: string
  readonly currency: string
  readonly amount_basis: 'paid_rate' | 'current_rate' | 'fiat'
  readonly reason: string | null

  /** `provider`: made in the provider’s own dashboard */
  readonly origin: 'merchant' | 'provider'

  /** Who sends it; null while a link waits for its payer */
  readonly method: string | null

  /** Masked */
  readonly destination: string | null

  /** The number that the payer sees */
  readonly number: string | null

  /** Why it failed; on a link, why its last sending did */
  readonly failure:
    | 'insufficient-funds'
    | 'canceled-by-payer'
    | 'no-response'
    | 'wrong-pin'
    | 'declined'
    | 'expired'
    | 'limit-exceeded'
    | 'invalid-phone'
    | 'authentication-failed'
    | 'provider-rejected'
    | 'provider-unavailable'
    | 'not-received'
    | null

  /** The page on which the payer says where the money goes. Whoever has it can: give it to nobody else. Null in lists and events, for keys without `payments:write`, and once it was used. */
  readonly claim_url: string | null
  readonly claim_expires_at: string | null
  readonly created_at: string
  readonly ended_at: string | null
}

/** A refund as a row */
export type RefundLine = {
  readonly id: string
  readonly payment: string
  readonly created_at: string
  readonly ended_at: string | null
  readonly livemode: boolean
  readonly status: string
  readonly amount: string
  readonly currency: string

  /** `provider`: made in the provider’s own dashboard */
  readonly origin: string

  /** Who sends it */
  readonly method: string | null

  /** Masked */
  readonly destination: string | null

  /** The number that the payer sees */
  readonly number: string | null
  readonly failure: string | null
  readonly reason: string | null

  /** That of the payment */
  readonly reference: string | null

  /** The store that sold it */
  readonly store: string | null

  /** It fills a customer’s prepaid balance: no sale, and not yours */
  readonly top_up: boolean
}

/** A page of refunds */
export type RefundList = {
  readonly object: 'list'
  readonly data: readonly Refund[]
  readonly next_cursor: string | null
}

/** All rows of the time, oldest first */
export type RefundsLineList = readonly RefundLine[]

export type RejectTransferInput = { readonly note: string }

export type ResolveCaseInput = {
  /** `close`: settled by a person, nothing is posted. `retry`: the day is compared again, and the case ends if nothing differs. `credit`: money that is missing here is counted for `payment`, once. */
  readonly action: 'close' | 'retry' | 'credit'

  /** With `credit`: the payment that the money is for, in its currency */
  readonly payment?: string | undefined
  readonly note: string
}

export type RotateWebhookSecretInput = {
  /** How long the secrets before sign beside the new one */
  readonly overlap_hours?: number | undefined
} | null

export type SetPayoutDestinationInput = {
  readonly kind: 'mpesa' | 'bank'

  /** For mpesa: a Kenyan mobile number */
  readonly phone?: string | undefined
  readonly bank?: string | undefined
  readonly account?: string | undefined
  readonly holder?: string | undefined
} | null

/** Money that came, on its way to being available */
export type Settlement = {
  readonly id: string
  readonly object: 'settlement'
  readonly livemode: boolean
  readonly payment: string

  /** `returned`: all of it went back to the payer before it was settled */
  readonly status: 'pending' | 'settled' | 'returned'
  readonly currency: string

  /** What came, less what was repaid of a debt */
  readonly amount: string

  /** What went back to the payer before it was settled: no fee is kept of it */
  readonly returned: string

  /** What is kept of it, or will be */
  readonly fee: string

  /** What becomes available */
  readonly net: string
  readonly due_at: string
  readonly settled_at: string | null
  readonly created_at: string
}

export type SettlementList = {
  readonly object: 'list'
  readonly data: readonly Settlement[]
  readonly next_cursor: string | null
}

export type StartAttemptInput = {
  readonly method: string

  /** A Kenyan mobile number, national or with its country code */
  readonly phone?: string | undefined
  readonly email?: string | undefined
}

/** A shop of the merchant. What is null or empty is as at the merchant. */
export type Store = {
  readonly id: string
  readonly object: 'store'
  readonly locale: 'en' | 'sw' | null
  readonly name: string
  readonly colour: string | null
  readonly logo_url: string | null
  readonly return_origins: readonly string[]
  readonly created_at: string
  readonly methods: readonly string[]
  readonly archived_at: string | null
}

export type StoreList = {
  readonly object: 'list'
  readonly data: readonly Store[]
  readonly next_cursor: string | null
}

export type TopUpCustomerInput = {
  /** Decimal string in units of the currency, with its decimals */
  readonly amount: string
  readonly currency: string
}

/** Money that a payer sends by hand and a person looks for */
export type Transfer = {
  readonly id: string
  readonly object: 'transfer'
  readonly payment: string
  readonly merchant: string

  /** The payment code, which the payer was asked to write on it */
  readonly code: string | null

  /** What was asked for */
  readonly amount: string
  readonly currency: string
  readonly status: 'created' | 'submitting' | 'pending' | 'unknown' | 'settled' | 'failed' | 'abandoned'

  /** When the payer said that it was sent */
  readonly sent_at: string | null

  /** The payer’s words */
  readonly note: string | null
  readonly created_at: string
}

/** A page of transfers */
export type TransferList = {
  readonly object: 'list'
  readonly data: readonly Transfer[]
  readonly next_cursor: string | null
}

export type UpdateMerchantInput = {
  readonly name?: string | undefined
  readonly locale?: 'en' | 'sw' | undefined

  /** Of buttons. Pages take the nearest shade that can be read. */
  readonly colour?: string | null | undefined

  /** A PNG, JPEG or WebP picture of at most 100 kB, as base64; null takes it away */
  readonly logo?: string | null | undefined

  /** Percent of a payment that may be missing when it is paid, 10 at most. Of payments made from then on. */
  readonly tolerance?: string | undefined
}

export type UpdatePaymentLinkInput = {
  readonly description?: string | undefined
  readonly reference?: string | null | undefined
  readonly methods?: readonly string[] | null | undefined
  readonly return_url?: string | null | undefined
  readonly expires_at?: string | null | undefined

  /** Nothing new can be begun by an archived link */
  readonly archived?: boolean | undefined
}

export type UpdateStoreInput = {
  readonly name?: string | undefined
  readonly locale?: 'en' | 'sw' | null | undefined

  /** Of buttons. Pages take the nearest shade that can be read. */
  readonly colour?: string | null | undefined

  /** A PNG, JPEG or WebP picture of at most 100 kB, as base64; null takes it away */
  readonly logo?: string | null | undefined

  /** Where payers may be sent back to: for keys with the scope `origins:write`, which is given by name only */
  readonly return_origins?: readonly string[] | undefined

  /** Ways to pay in order; none for all */
  readonly methods?: readonly string[] | undefined
  readonly archived?: boolean | undefined
}

export type UpdateWebhookEndpointInput = {
  /** Where to send them: a public address, https in live mode. Redirects are not followed. */
  readonly url?: string | undefined

  /** What to be told of: `*` for all, `payment.*` for all of payments (so `refund.*`, `settlement.*`; `payout.*` is for payouts, which are still to come), or types: payment.created, payment.processing, payment.paid, payment.partially_paid, payment.overpaid, payment.expired, payment.canceled, payment.failed, payment.reversed, refund.created, refund.claimable, refund.succeeded, refund.failed, refund.canceled, refund.expired, settlement.created, settlement.completed, settlement.returned */
  readonly events?: readonly string[] | undefined

  /** Your own note */
  readonly description?: string | undefined

  /** True also ends a disabling by us */
  readonly enabled?: boolean | undefined
}

/** Where you are told of events */
export type WebhookEndpoint = {
  readonly id: string
  readonly object: 'webhook_endpoint'
  readonly livemode: boolean
  readonly url: string
  readonly events: readonly string[]
  readonly description: string | null
  readonly enabled: boolean

  /** `failing`: nothing arrived for five days. `gone`: it answered 410. */
  readonly disabled_reason: 'requested' | 'failing' | 'gone' | null

  /** Since when every delivery has failed */
  readonly failing_since: string | null
  readonly created_at: string
}

export type WebhookEndpointList = {
  readonly object: 'list'
  readonly data: readonly WebhookEndpoint[]
  readonly next_cursor: null
}

/** What programs react to. Others may come with later versions. */
export type ErrorCode =
  | 'body-too-large'
  | 'forbidden'
  | 'gateway.export-running'
  | 'gateway.no-such-link'
  | 'gateway.too-many-exports'
  | 'idempotency-in-progress'
  | 'idempotency-key-reused'
  | 'identity.bad-input'
  | 'identity.bad-origin'
  | 'identity.store-archived'
  | 'identity.too-many-stores'
  | 'identity.unknown-store'
  | 'invalid-json'
  | 'ledger.insufficient-funds'
  | 'ledger.transfer-mismatch'
  | 'payments.already-paid'
  | 'payments.amount-not-taken'
  | 'payments.attempt-in-flight'
  | 'payments.bad-cursor'
  | 'payments.bad-number'
  | 'payments.balance-too-low'
  | 'payments.case-counted'
  | 'payments.case-not-money'
  | 'payments.case-other-currency'
  | 'payments.case-over'
  | 'payments.insufficient-balance'
  | 'payments.method-not-allowed'
  | 'payments.method-unavailable'
  | 'payments.no-customer'
  | 'payments.no-such-case'
  | 'payments.no-such-refund'
  | 'payments.no-such-transfer'
  | 'payments.not-found'
  | 'payments.nothing-to-refund'
  | 'payments.number-used'
  | 'payments.over'
  | 'payments.page-open'
  | 'payments.payer-incomplete'
  | 'payments.refund-in-parts'
  | 'payments.refund-over'
  | 'payments.refund-rate'
  | 'payments.refund-to-balance'
  | 'payments.refund-too-large'
  | 'payments.too-many-attempts'
  | 'payments.transfer-confirmed'
  | 'payments.transfer-not-open'
  | 'rate-limited'
  | 'rates.unavailable'
  | 'rates.unknown-pair'
  | 'unauthorized'
  | 'unavailable'
  | 'unsupported-media-type'
  | 'validation-failed'
  | 'webhooks.bad-url'
  | 'webhooks.endpoint-disabled'
  | 'webhooks.no-such-delivery'
  | 'webhooks.no-such-endpoint'
  | 'webhooks.too-many-endpoints'
  | 'webhooks.too-many-secrets'
  | (string & {})

export const OPERATIONS = {
  createPayment: { method: 'POST', path: '/api/v1/payments', params: [], takes: 'body', keyed: true, answer: 'json' },
  listPayments: { method: 'GET', path: '/api/v1/payments', params: [], takes: 'query', keyed: false, answer: 'json' },
  getPayment: {
    method: 'GET',
    path: '/api/v1/payments/{id}',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  getBalance: { method: 'GET', path: '/api/v1/balance', params: [], takes: 'query', keyed: false, answer: 'json' },
  getRate: { method: 'GET', path: '/api/v1/rates', params: [], takes: 'query', keyed: false, answer: 'json' },
  startAttempt: {
    method: 'POST',
    path: '/api/v1/payments/{id}/attempts',
    params: ['id'],
    takes: 'body',
    keyed: true,
    answer: 'json',
  },
  cancelPayment: {
    method: 'POST',
    path: '/api/v1/payments/{id}/cancel',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  getMerchant: { method: 'GET', path: '/api/v1/merchant', params: [], takes: 'nothing', keyed: false, answer: 'json' },
  updateMerchant: {
    method: 'PATCH',
    path: '/api/v1/merchant',
    params: [],
    takes: 'body',
    keyed: false,
    answer: 'json',
  },
  setPayoutDestination: {
    method: 'PUT',
    path: '/api/v1/merchant/payout-destination',
    params: [],
    takes: 'body',
    keyed: false,
    answer: 'json',
  },
  createStore: { method: 'POST', path: '/api/v1/stores', params: [], takes: 'body', keyed: true, answer: 'json' },
  listStores: { method: 'GET', path: '/api/v1/stores', params: [], takes: 'query', keyed: false, answer: 'json' },
  updateStore: {
    method: 'PATCH',
    path: '/api/v1/stores/{id}',
    params: ['id'],
    takes: 'body',
    keyed: false,
    answer: 'json',
  },
  createPaymentLink: {
    method: 'POST',
    path: '/api/v1/payment-links',
    params: [],
    takes: 'body',
    keyed: true,
    answer: 'json',
  },
  listPaymentLinks: {
    method: 'GET',
    path: '/api/v1/payment-links',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'json',
  },
  getPaymentLink: {
    method: 'GET',
    path: '/api/v1/payment-links/{id}',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  updatePaymentLink: {
    method: 'PATCH',
    path: '/api/v1/payment-links/{id}',
    params: ['id'],
    takes: 'body',
    keyed: false,
    answer: 'json',
  },
  listSettlements: {
    method: 'GET',
    path: '/api/v1/settlements',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'json',
  },
  createRefund: {
    method: 'POST',
    path: '/api/v1/payments/{id}/refunds',
    params: ['id'],
    takes: 'body',
    keyed: true,
    answer: 'json',
  },
  listRefundsOfPayment: {
    method: 'GET',
    path: '/api/v1/payments/{id}/refunds',
    params: ['id'],
    takes: 'query',
    keyed: false,
    answer: 'json',
  },
  listRefunds: { method: 'GET', path: '/api/v1/refunds', params: [], takes: 'query', keyed: false, answer: 'json' },
  getRefund: {
    method: 'GET',
    path: '/api/v1/refunds/{id}',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  cancelRefund: {
    method: 'POST',
    path: '/api/v1/refunds/{id}/cancel',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  getCustomerBalance: {
    method: 'GET',
    path: '/api/v1/customers/{id}/balance',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  topUpCustomer: {
    method: 'POST',
    path: '/api/v1/customers/{id}/top-ups',
    params: ['id'],
    takes: 'body',
    keyed: true,
    answer: 'json',
  },
  listTransfers: { method: 'GET', path: '/api/v1/transfers', params: [], takes: 'query', keyed: false, answer: 'json' },
  confirmTransfer: {
    method: 'POST',
    path: '/api/v1/transfers/{id}/confirm',
    params: ['id'],
    takes: 'body',
    keyed: false,
    answer: 'json',
  },
  rejectTransfer: {
    method: 'POST',
    path: '/api/v1/transfers/{id}/reject',
    params: ['id'],
    takes: 'body',
    keyed: false,
    answer: 'json',
  },
  createWebhookEndpoint: {
    method: 'POST',
    path: '/api/v1/webhook-endpoints',
    params: [],
    takes: 'body',
    keyed: true,
    answer: 'json',
  },
  listWebhookEndpoints: {
    method: 'GET',
    path: '/api/v1/webhook-endpoints',
    params: [],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  getWebhookEndpoint: {
    method: 'GET',
    path: '/api/v1/webhook-endpoints/{id}',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  updateWebhookEndpoint: {
    method: 'PATCH',
    path: '/api/v1/webhook-endpoints/{id}',
    params: ['id'],
    takes: 'body',
    keyed: false,
    answer: 'json',
  },
  deleteWebhookEndpoint: {
    method: 'DELETE',
    path: '/api/v1/webhook-endpoints/{id}',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  rotateWebhookSecret: {
    method: 'POST',
    path: '/api/v1/webhook-endpoints/{id}/rotate-secret',
    params: ['id'],
    takes: 'body',
    keyed: true,
    answer: 'json',
  },
  testWebhookEndpoint: {
    method: 'POST',
    path: '/api/v1/webhook-endpoints/{id}/test',
    params: ['id'],
    takes: 'nothing',
    keyed: true,
    answer: 'json',
  },
  listDeliveries: {
    method: 'GET',
    path: '/api/v1/webhook-endpoints/{id}/deliveries',
    params: ['id'],
    takes: 'query',
    keyed: false,
    answer: 'json',
  },
  getDelivery: {
    method: 'GET',
    path: '/api/v1/deliveries/{id}',
    params: ['id'],
    takes: 'nothing',
    keyed: false,
    answer: 'json',
  },
  redeliver: {
    method: 'POST',
    path: '/api/v1/deliveries/{id}/redeliver',
    params: ['id'],
    takes: 'nothing',
    keyed: true,
    answer: 'json',
  },
  redeliverRange: {
    method: 'POST',
    path: '/api/v1/webhook-endpoints/{id}/redeliver',
    params: ['id'],
    takes: 'body',
    keyed: true,
    answer: 'json',
  },
  exportPaymentsCsv: {
    method: 'GET',
    path: '/api/v1/exports/payments.csv',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'stream',
  },
  exportPaymentsJson: {
    method: 'GET',
    path: '/api/v1/exports/payments.json',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'stream',
  },
  exportReceiptsCsv: {
    method: 'GET',
    path: '/api/v1/exports/receipts.csv',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'stream',
  },
  exportReceiptsJson: {
    method: 'GET',
    path: '/api/v1/exports/receipts.json',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'stream',
  },
  exportRefundsCsv: {
    method: 'GET',
    path: '/api/v1/exports/refunds.csv',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'stream',
  },
  exportRefundsJson: {
    method: 'GET',
    path: '/api/v1/exports/refunds.json',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'stream',
  },
  exportLedgerCsv: {
    method: 'GET',
    path: '/api/v1/exports/ledger.csv',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'stream',
  },
  exportLedgerJson: {
    method: 'GET',
    path: '/api/v1/exports/ledger.json',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'stream',
  },
  listReconciliationCases: {
    method: 'GET',
    path: '/api/v1/reconciliation/cases',
    params: [],
    takes: 'query',
    keyed: false,
    answer: 'json',
  },
  resolveReconciliationCase: {
    method: 'POST',
    path: '/api/v1/reconciliation/cases/{id}/resolve',
    params: ['id'],
    takes: 'body',
    keyed: false,
    answer: 'json',
  },
} as const satisfies Record<string, OperationRow>

/** How an operation is sent. */
export interface OperationRow {
  readonly method: string
  readonly path: string
  /** Names in the path, in the order of the arguments. */
  readonly params: readonly string[]
  /** What the argument after them is. */
  readonly takes: 'body' | 'query' | 'nothing'
  /** Takes an Idempotency-Key, so it may be sent again. */
  readonly keyed: boolean
  readonly answer: 'json' | 'stream'
}

/** The operations. Each throws PurserError for an error answer and ConnectionError when no answer came. */
export interface Operations {
  /** Create a payment. Answers with the payment and its `checkout_url`, the page to send the payer to. Send an `Idempotency-Key`: the same key and body give the first answer again, whatever happened on the way or since. */
  createPayment(body: CreatePaymentInput, options?: CallOptions): Promise<Payment>

  /** List payments, newest first. Filters hold together. For the next page send `next_cursor` as `cursor` with the same filters; it is null on the last page. */
  listPayments(
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly status?: 'open' | 'processing' | 'paid' | 'expired' | 'canceled' | 'failed' | 'reversed' | undefined
      readonly reference?: string | undefined
      readonly store?: string | undefined

      /** Made at this time or later */
      readonly created_from?: string | undefined

      /** Made before this time */
      readonly created_to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<PaymentList>

  /** Look a payment up */
  getPayment(id: string, options?: CallOptions): Promise<Payment>

  /** What the merchant owns, per currency. One row for each currency that money ever came in, so none before the first payment. `currency` asks for one row and gets it in any case. */
  getBalance(query?: { readonly currency?: string | undefined }, options?: CallOptions): Promise<Balance>

  /** What one currency is worth in another. The median of several price sources; one that is far from the others is left out. For showing prices: a payment keeps the rate that it was made with. */
  getRate(query: { readonly base: string; readonly quote: string }, options?: CallOptions): Promise<Rate>

  /** Start an attempt to pay. Prompts the phone, or answers with the page to send the payer to, or with the address to send to, or takes it from the customer’s prepaid balance. One address serves the whole payment: asked again, the same attempt comes back with what is still due, at a rate that is locked for 15 minutes. For merchants with a checkout of their own: the hosted page does this by itself. The attempt is `pending` while the payer decides: look the payment up to see what became of it. `unknown` means that the provider did not answer: it is asked again, never sent again. */
  startAttempt(id: string, body: StartAttemptInput, options?: CallOptions): Promise<Attempt>

  /** Cancel a payment that is not paid. Canceling again changes nothing. Refused while a prompt is on the payer’s phone. Money that still comes is credited, with `flags.late`. */
  cancelPayment(id: string, options?: CallOptions): Promise<Payment>

  /** Who the key acts for */
  getMerchant(options?: CallOptions): Promise<Merchant>

  /** Change how payers see the merchant. Pages show it within seconds, also those of payments that were made before; their name stays. */
  updateMerchant(body: UpdateMerchantInput, options?: CallOptions): Promise<Merchant>

  /** Say where money is sent, or null for nowhere. Needs the scope `destinations:write`, which no key has unless it was given by name. Each change is in the audit log. */
  setPayoutDestination(body: SetPayoutDestinationInput, options?: CallOptions): Promise<Merchant>

  /** Open a store. Name it as `store` when you create payments, or use a key of the store (npx purser key create --store). */
  createStore(body: CreateStoreInput, options?: CallOptions): Promise<Store>

  /** List stores, newest first */
  listStores(
    query?: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<StoreList>

  /** Change a store, or archive it */
  updateStore(id: string, body: UpdateStoreInput, options?: CallOptions): Promise<Store>

  /** Create a payment link. Answers with its `url`, and with HTML to paste into a page. Each payer who opens it gets a payment of their own; a link for one use is over when one is paid. Without `amount` the payer says how much. The payments name their `payment_link`. A pay button is `html.button`, which works on any page without scripts; `html.style` once in the page dresses it in your colour: ```html <link rel="stylesheet" href="https://pay.example/l/lnk_01kd3vq7m2e8wtzr4c9x5bnh6f/button.css"> <form action="https://pay.example/l/lnk_01kd3vq7m2e8wtzr4c9x5bnh6f" method="get" class="purser-form"> <label>Amount (KES) <input name="amount" type="text" inputmode="decimal" maxlength="30" required></label> <button type="submit" class="purser-button">Pay</button> </form> ``` */
  createPaymentLink(body: CreatePaymentLinkInput, options?: CallOptions): Promise<PaymentLink>

  /** List payment links, newest first */
  listPaymentLinks(
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly archived?: 'true' | 'false' | undefined
    },
    options?: CallOptions,
  ): Promise<PaymentLinkList>

  /** Look a payment link up */
  getPaymentLink(id: string, options?: CallOptions): Promise<PaymentLink>

  /** Change a payment link, or archive it. Payments made by it stay as they are. What is to pay cannot be changed: make another link. */
  updatePaymentLink(id: string, body: UpdatePaymentLinkInput, options?: CallOptions): Promise<PaymentLink>

  /** List settlements, newest first. What comes is `pending` in the balance until the hold of the merchant has passed; then the fee is kept and the rest is `available`. A merchant without hold and fee has no settlements: its money is available at once. */
  listSettlements(
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly status?: 'pending' | 'settled' | 'returned' | undefined
    },
    options?: CallOptions,
  ): Promise<SettlementList>

  /** Refund a payment, all or a part of it. Takes the amount from your balance at once and sends it the way it came. `pending` is asked about until it is known; `failed` puts it back. Where there is no way back, the refund is `claimable`: send its `claim_url` to the payer, who says there where the money goes. Send an `Idempotency-Key`: the same key and body are the same refund, however often you ask. */
  createRefund(id: string, body: CreateRefundInput, options?: CallOptions): Promise<Refund>

  /** List the refunds of a payment, newest first. Those made at the provider are among them (`origin`). */
  listRefundsOfPayment(
    id: string,
    query?: {
      readonly limit?: number | undefined

      /** next_cursor of the page before */
      readonly cursor?: string | undefined
      readonly status?: 'pending' | 'claimable' | 'succeeded' | 'failed' | 'canceled' | 'expired' | undefined
    },
    options?: CallOptions,
  ): Promise<RefundList>

  /** List refunds, newest first */
  listRefunds(
    query?: {
      readonly limit?: number | undefined

      /** next_cursor of the page before */
      readonly cursor?: string | undefined
      readonly status?: 'pending' | 'claimable' | 'succeeded' | 'failed' | 'canceled' | 'expired' | undefined
    },
    options?: CallOptions,
  ): Promise<RefundList>

  /** Look a refund up */
  getRefund(id: string, options?: CallOptions): Promise<Refund>

  /** Take a refund link back that nobody has used. The amount is in your balance again. Canceling again changes nothing. */
  cancelRefund(id: string, options?: CallOptions): Promise<Refund>

  /** What a customer has paid in advance, per currency. Customers are named by you: there is no row before the first top-up. To fill a balance, create a payment with `top_up` and `customer.id`; to pay from it, create one that names `customer.id` and has `balance` among its methods, and start an attempt with `{"method": "balance"}`. */
  getCustomerBalance(id: string, options?: CallOptions): Promise<CustomerBalance>

  /** Credit a customer out of your own balance. A bonus, or money that reached you another way. It is taken from what you have available. An Idempotency-Key is used up here for ever. */
  topUpCustomer(id: string, body: TopUpCustomerInput, options?: CallOptions): Promise<CustomerBalance>

  /** List transfers that payers say they have sent, longest ago first. Of all merchants, those that nobody has decided on: for keys of whoever runs this server. */
  listTransfers(
    query?: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<TransferList>

  /** Say that the money of a transfer came. It is credited whatever became of the payment meanwhile, and marked late where that is over. Saying the same again changes nothing. */
  confirmTransfer(id: string, body: ConfirmTransferInput, options?: CallOptions): Promise<Transfer>

  /** Say that the money of a transfer did not come. The payer can try again. Money that comes later can still be confirmed. */
  rejectTransfer(id: string, body: RejectTransferInput, options?: CallOptions): Promise<Transfer>

  /** Be told of events. Each event is sent as POST `{"id":"evt_…","type","created_at","livemode","version","data":{"object"}}`, signed by the Standard Webhooks specification: check it with one of its libraries and this `secret`. Answer 2xx within 10 seconds; anything else is tried again for three days. An event can come twice (same `webhook-id`), and `data.object.version` tells which of two copies of an object is newer. */
  createWebhookEndpoint(body: CreateWebhookEndpointInput, options?: CallOptions): Promise<NewWebhookEndpoint>

  /** List webhook endpoints, oldest first */
  listWebhookEndpoints(options?: CallOptions): Promise<WebhookEndpointList>

  /** Look a webhook endpoint up */
  getWebhookEndpoint(id: string, options?: CallOptions): Promise<WebhookEndpoint>

  /** Change, disable or enable a webhook endpoint. What still waits for an endpoint that is disabled is canceled, and what happens meanwhile is not kept for it. Once it is enabled again, what failed can be sent again as a range. */
  updateWebhookEndpoint(id: string, body: UpdateWebhookEndpointInput, options?: CallOptions): Promise<WebhookEndpoint>

  /** Delete a webhook endpoint. What still waits for it is canceled. */
  deleteWebhookEndpoint(id: string, options?: CallOptions): Promise<DeletedWebhookEndpoint>

  /** Make a new secret for a webhook endpoint. Until the overlap has passed each message carries signatures of the new secret and of those before it, so that you can change over in between. The libraries of the specification take any one that fits. */
  rotateWebhookSecret(id: string, body: RotateWebhookSecretInput, options?: CallOptions): Promise<NewWebhookEndpoint>

  /** Send a test event to a webhook endpoint. An event `webhook.test`, whatever the endpoint listens to. Look the delivery up to see what came of it. */
  testWebhookEndpoint(id: string, options?: CallOptions): Promise<Delivery>

  /** List the deliveries to a webhook endpoint, newest first. They are kept for 30 days. */
  listDeliveries(
    id: string,
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly status?: 'pending' | 'succeeded' | 'failed' | 'canceled' | undefined
    },
    options?: CallOptions,
  ): Promise<DeliveryList>

  /** Look a delivery up, with what was sent and answered */
  getDelivery(id: string, options?: CallOptions): Promise<DeliveryDetail>

  /** Send a delivery again, or now. The same event with the same `webhook-id` and body, signed anew. */
  redeliver(id: string, options?: CallOptions): Promise<Delivery>

  /** Send the deliveries of a time again. Those that failed unless told, oldest first; those of one object in their order. */
  redeliverRange(id: string, body: RedeliverRangeInput, options?: CallOptions): Promise<Redelivery>

  /** Export payments as CSV. Rows of payments by the time of their creation, oldest first, streamed: a file of any size. Times are in UTC, amounts decimal strings. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
  exportPaymentsCsv(
    query?: {
      /** Included; 31 days before `to` unless told, 366 days before it at most */
      readonly from?: string | undefined

      /** Not included; now unless told */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export payments as JSON. Rows of payments by the time of their creation, oldest first, streamed: a file of any size. Times are in UTC, amounts decimal strings. One array with a row in each line; a file that was cut off lacks the bracket at its end. */
  exportPaymentsJson(
    query?: {
      /** Included; 31 days before `to` unless told, 366 days before it at most */
      readonly from?: string | undefined

      /** Not included; now unless told */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export receipts as CSV. Rows of receipts by the time at which they were recorded, so that the list of a time that is over stays as it is, oldest first, streamed: a file of any size. Times are in UTC, amounts decimal strings. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
  exportReceiptsCsv(
    query?: {
      /** Included; 31 days before `to` unless told, 366 days before it at most */
      readonly from?: string | undefined

      /** Not included; now unless told */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export receipts as JSON. Rows of receipts by the time at which they were recorded, so that the list of a time that is over stays as it is, oldest first, streamed: a file of any size. Times are in UTC, amounts decimal strings. One array with a row in each line; a file that was cut off lacks the bracket at its end. */
  exportReceiptsJson(
    query?: {
      /** Included; 31 days before `to` unless told, 366 days before it at most */
      readonly from?: string | undefined

      /** Not included; now unless told */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export refunds as CSV. Rows of refunds by the time of their creation, oldest first, streamed: a file of any size. Times are in UTC, amounts decimal strings. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
  exportRefundsCsv(
    query?: {
      /** Included; 31 days before `to` unless told, 366 days before it at most */
      readonly from?: string | undefined

      /** Not included; now unless told */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export refunds as JSON. Rows of refunds by the time of their creation, oldest first, streamed: a file of any size. Times are in UTC, amounts decimal strings. One array with a row in each line; a file that was cut off lacks the bracket at its end. */
  exportRefundsJson(
    query?: {
      /** Included; 31 days before `to` unless told, 366 days before it at most */
      readonly from?: string | undefined

      /** Not included; now unless told */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export ledger as CSV. Rows of ledger which are all movements on your accounts, oldest first, streamed: a file of any size. Times are in UTC, amounts decimal strings. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
  exportLedgerCsv(
    query?: {
      /** Included; 31 days before `to` unless told, 366 days before it at most */
      readonly from?: string | undefined

      /** Not included; now unless told */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export ledger as JSON. Rows of ledger which are all movements on your accounts, oldest first, streamed: a file of any size. Times are in UTC, amounts decimal strings. One array with a row in each line; a file that was cut off lacks the bracket at its end. */
  exportLedgerJson(
    query?: {
      /** Included; 31 days before `to` unless told, 366 days before it at most */
      readonly from?: string | undefined

      /** Not included; now unless told */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** List differences from the books of providers, newest first. Of all merchants: for keys of whoever runs this server. */
  listReconciliationCases(
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly status?: 'open' | 'closed' | 'repaired' | 'credited' | undefined
      readonly rail?: string | undefined
    },
    options?: CallOptions,
  ): Promise<ReconciliationCaseList>

  /** End a difference, or have its day compared again */
  resolveReconciliationCase(id: string, body: ResolveCaseInput, options?: CallOptions): Promise<ReconciliationCase>
}

/** Lists, as one item after the other: further pages are asked for on the way. */
export interface Iterators {
  /** List payments, newest first */
  listPayments(
    query?: {
      readonly limit?: number | undefined
      readonly status?: 'open' | 'processing' | 'paid' | 'expired' | 'canceled' | 'failed' | 'reversed' | undefined
      readonly reference?: string | undefined
      readonly store?: string | undefined

      /** Made at this time or later */
      readonly created_from?: string | undefined

      /** Made before this time */
      readonly created_to?: string | undefined
    },
    options?: CallOptions,
  ): AsyncIterable<Payment>

  /** List stores, newest first */
  listStores(query?: { readonly limit?: number | undefined }, options?: CallOptions): AsyncIterable<Store>

  /** List payment links, newest first */
  listPaymentLinks(
    query?: { readonly limit?: number | undefined; readonly archived?: 'true' | 'false' | undefined },
    options?: CallOptions,
  ): AsyncIterable<PaymentLink>

  /** List settlements, newest first */
  listSettlements(
    query?: { readonly limit?: number | undefined; readonly status?: 'pending' | 'settled' | 'returned' | undefined },
    options?: CallOptions,
  ): AsyncIterable<Settlement>

  /** List the refunds of a payment, newest first */
  listRefundsOfPayment(
    id: string,
    query?: {
      readonly limit?: number | undefined
      readonly status?: 'pending' | 'claimable' | 'succeeded' | 'failed' | 'canceled' | 'expired' | undefined
    },
    options?: CallOptions,
  ): AsyncIterable<Refund>

  /** List refunds, newest first */
  listRefunds(
    query?: {
      readonly limit?: number | undefined
      readonly status?: 'pending' | 'claimable' | 'succeeded' | 'failed' | 'canceled' | 'expired' | undefined
    },
    options?: CallOptions,
  ): AsyncIterable<Refund>

  /** List transfers that payers say they have sent, longest ago first */
  listTransfers(query?: { readonly limit?: number | undefined }, options?: CallOptions): AsyncIterable<Transfer>

  /** List the deliveries to a webhook endpoint, newest first */
  listDeliveries(
    id: string,
    query?: {
      readonly limit?: number | undefined
      readonly status?: 'pending' | 'succeeded' | 'failed' | 'canceled' | undefined
    },
    options?: CallOptions,
  ): AsyncIterable<Delivery>

  /** List differences from the books of providers, newest first */
  listReconciliationCases(
    query?: {
      readonly limit?: number | undefined
      readonly status?: 'open' | 'closed' | 'repaired' | 'credited' | undefined
      readonly rail?: string | undefined
    },
    options?: CallOptions,
  ): AsyncIterable<ReconciliationCase>
}
