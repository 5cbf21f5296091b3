// Written by `npm run generate` from docs/openapi.json: change the API, not this file.

import type { CallOptions } from './options.ts'

/** Money seen at the attempt’s address */
export type Arrival = {
  /** Id at the provider, such as txid:vout */
  readonly id: string

  /** Decimal string in units of the currency, with its decimals */
  readonly amount: string

  /** `seen`: not final yet. `final`: counted. `gone`: replaced or reversed. */
  readonly status: 'seen' | 'final' | 'gone'
  readonly confirmations: number | null
  readonly confirmations_needed: number | null

  /** Time at which it was first seen */
  readonly at: string
}

/** One attempt to pay a payment by one method */
export type Attempt = {
  readonly id: string
  readonly object: 'attempt'
  readonly payment: string
  readonly method: string
  readonly status: 'created' | 'submitting' | 'pending' | 'unknown' | 'settled' | 'failed' | 'abandoned'

  /** Reason of the failure. If the attempt continues, reason of the last decline. */
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

  /** Requested amount, in `currency` */
  readonly amount: string

  /** Currency of the attempt. It differs from the payment’s if the method accepts only another currency. */
  readonly currency: string
  readonly rate: AttemptRate | null

  /** URL of the provider's page, for methods that have one */
  readonly redirect_url: string | null

  /** Address to which the payer sends money, for methods that have one. Instructions in lines of text for a manual transfer. */
  readonly address: string | null

  /** Payment code that the payer writes on a manual transfer */
  readonly code: string | null

  /** Time at which the payer reported a manual transfer as sent */
  readonly sent_at: string | null

  /** Address and amount due as a URI, for wallets and QR codes. Null if nothing is due. */
  readonly payment_uri: string | null

  /** Amount still due at the address, in `currency` */
  readonly amount_due: string | null
  readonly arrivals: readonly Arrival[]

  /** End of the attempt: the end of a prompt, or the last day of a manual transfer. Null if only the provider knows it. */
  readonly expires_at: string | null
  readonly created_at: string
}

/** Exchange rate between the amount due and the amount of the attempt */
export type AttemptRate = {
  readonly base: string
  readonly quote: string

  /** Units of `quote` for one `base`, as a decimal string */
  readonly rate: string
  readonly sources: readonly string[]

  /** Time of the prices */
  readonly at: string

  /** Money first seen after this time counts at the rate of its arrival */
  readonly locked_until: string | null

  /** Surcharge on the rate, in hundredths of a percent. The amount includes it. */
  readonly spread_bps: number
}

/** Balance of the merchant, per currency */
export type Balance = {
  readonly object: 'balance'
  readonly livemode: boolean
  readonly balances: readonly {
    readonly currency: string

    /** Amount that can be paid out or refunded */
    readonly available: string

    /** Amount that is not available yet */
    readonly pending: string

    /** Debt after chargebacks. New receipts repay it first. */
    readonly debt: string
  }[]
}

export type ConfirmTransferInput = {
  /** Number of the transfer on the bank statement. Each number counts once. */
  readonly number: string

  /** Received amount. Default: the requested amount. */
  readonly amount?: string | undefined

  /** Confirms a further transfer: the payer sent money twice with the same payment code */
  readonly another?: boolean | undefined
}

export type CreatePaymentInput = {
  /** Decimal string in units of the currency, with its decimals */
  readonly amount: string
  readonly currency: string

  /** Purpose of the payment. The payer sees it. */
  readonly description?: string | undefined

  /** Your own reference, such as an order number */
  readonly reference?: string | undefined
  readonly methods?: readonly string[] | undefined

  /** Store of the payment. For the key of one store it is always that store. */
  readonly store?: string | undefined

  /** The payer, as far as known. Prefills the checkout page. */
  readonly customer?:
    | {
        /** Your own id of the customer. Do not use an e-mail address or a phone number: it stays in the ledger. */
        readonly id?: string | undefined
        readonly name?: string | undefined
        readonly email?: string | undefined

        /** Phone number with country code. If a mobile-money method accepts the currency, the national form is also accepted. Returned with country code and without plus sign. */
        readonly phone?: string | undefined
      }
    | undefined

  /** The money tops up the prepaid balance of `customer.id` instead of your balance */
  readonly top_up?: boolean | undefined

  /** URL to which the payer returns. Its origin must be registered for the merchant. */
  readonly return_url?: string | undefined

  /** Seconds until it expires */
  readonly expires_in?: number | undefined

  /** Your own data, returned unchanged */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export type CreatePaymentLinkInput = {
  readonly currency: string

  /** Amount to pay. Without it, the payer enters the amount. */
  readonly amount?: string | undefined

  /** Minimum amount that a payer can enter */
  readonly min_amount?: string | undefined

  /** Maximum amount that a payer can enter */
  readonly max_amount?: string | undefined

  /** Purpose of the payment. The payer sees it. */
  readonly description?: string | undefined

  /** Your own reference. The link’s payments carry it. */
  readonly reference?: string | undefined

  /** Payment methods in display order. Default: all. */
  readonly methods?: readonly string[] | undefined
  readonly return_url?: string | undefined

  /** Closes the link when one of its payments is paid */
  readonly single_use?: boolean | undefined

  /** Time from which the link creates no more payments */
  readonly expires_at?: string | undefined
  readonly store?: string | undefined
}

export type CreateRefundInput = {
  /** Amount in `currency`. Default: the whole refundable amount. */
  readonly amount?: string | undefined

  /** Currency of money that arrived in another currency and does not count (`uncounted`). Default: the currency of the payment. */
  readonly currency?: string | undefined

  /** Your own note. A payer with a refund link sees it. */
  readonly reason?: string | undefined

  /** `auto`: to the original payment method if possible, else by a refund link. `claim`: always by a refund link. */
  readonly method?: 'auto' | 'claim' | undefined

  /** Exchange rate of the refund, for money that arrived in another currency than the payment’s */
  readonly amount_basis?: 'paid_rate' | 'current_rate' | 'fiat' | undefined
} | null

export type CreateStoreInput = {
  readonly name: string
  readonly locale?: 'en' | 'sw' | null | undefined

  /** Colour of buttons. Pages use the nearest readable shade. */
  readonly colour?: string | null | undefined

  /** A PNG, JPEG or WebP image of at most 100 kB, as base64. Null removes the logo. */
  readonly logo?: string | null | undefined

  /** Origins to which payers may return. Needs the scope `origins:write`, which a key has only if it was named at creation. */
  readonly return_origins?: readonly string[] | undefined

  /** Payment methods in display order. An empty list means all. */
  readonly methods?: readonly string[] | undefined
}

export type CreateWebhookEndpointInput = {
  /** Target of the events: a public URL, https in live mode. Redirects are not followed. */
  readonly url: string

  /** Events to send: `*` for all, `payment.*` for all events of payments (likewise `refund.*` and `settlement.*`; `payout.*` is reserved for future payouts), or single types: payment.created, payment.processing, payment.paid, payment.partially_paid, payment.overpaid, payment.expired, payment.canceled, payment.failed, payment.reversed, refund.created, refund.claimable, refund.succeeded, refund.failed, refund.canceled, refund.expired, settlement.created, settlement.completed, settlement.returned */
  readonly events?: readonly string[] | undefined

  /** Your own note */
  readonly description?: string | undefined
}

/** Prepaid balance of a customer */
export type CustomerBalance = {
  readonly object: 'customer_balance'
  readonly customer: string
  readonly balances: readonly {
    readonly currency: string

    /** Amount that the customer can spend */
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

  /** Id of the event, sent as `webhook-id` */
  readonly event: string
  readonly type: string

  /** Id of the object that the event is about */
  readonly object_id: string
  readonly status: 'pending' | 'succeeded' | 'failed' | 'canceled'
  readonly attempt_count: number

  /** HTTP status of the last response */
  readonly last_status: number | null

  /** Null if it is finished or being sent now */
  readonly next_attempt_at: string | null
  readonly created_at: string
  readonly finished_at: string | null
}

/** A delivery with its requests and responses */
export type DeliveryDetail = {
  readonly id: string
  readonly object: 'delivery'
  readonly endpoint: string

  /** Id of the event, sent as `webhook-id` */
  readonly event: string
  readonly type: string

  /** Id of the object that the event is about */
  readonly object_id: string
  readonly status: 'pending' | 'succeeded' | 'failed' | 'canceled'
  readonly attempt_count: number

  /** HTTP status of the last response */
  readonly last_status: number | null

  /** Null if it is finished or being sent now */
  readonly next_attempt_at: string | null
  readonly created_at: string
  readonly finished_at: string | null

  /** Exact body of the request */
  readonly body: string

  /** Newest first, at most 100 */
  readonly attempts: readonly {
    readonly at: string
    readonly ms: number

    /** HTTP status; null without a response */
    readonly status: number | null

    /** First 4 kB of the response */
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
  /** Id of the transfer */
  readonly id: string
  readonly at: string
  readonly account: string
  readonly direction: 'in' | 'out'
  readonly amount: string
  readonly currency: string

  /** Reason of the movement */
  readonly kind: string

  /** Id of the receipt, refund or other object */
  readonly about: string
}

/** All rows of the period, oldest first */
export type LedgerLineList = readonly LedgerLine[]

/** The merchant, as payers see it */
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

  /** Percentage of a payment’s amount that may be missing when it counts as paid, at most 10. It applies to new payments. */
  readonly tolerance: string

  /** Set by the operator */
  readonly settlement: {
    /** Days from the receipt until the money is available */
    readonly hold_days: number

    /** Fee on each receipt, in hundredths of a percent */
    readonly fee_bps: number

    /** Fixed fee on each receipt, by currency */
    readonly fee_fixed: Readonly<Record<string, string>>
  }

  /** Destination of payouts. Only the end of its number is shown. */
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

  /** `failing`: every delivery failed for five days. `gone`: it answered 410. */
  readonly disabled_reason: 'requested' | 'failing' | 'gone' | null

  /** Time since which every delivery has failed */
  readonly failing_since: string | null
  readonly created_at: string

  /** Secret for verifying messages according to Standard Webhooks. Shown once: it is null when a request is repeated. Rotate the secret to get a new one. */
  readonly secret: string | null
}

/** A payment: the amount due, the money received, and its attempts */
export type Payment = {
  readonly id: string
  readonly object: 'payment'

  /** Increases with each change. The copy with the larger version is newer. */
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

  /** Unrefunded money that arrived in another currency and does not count towards the payment. Refund it with its `currency`. */
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

  /** Store of the payment */
  readonly store: string | null

  /** Payment link that created the payment */
  readonly payment_link: string | null
  readonly customer: {
    readonly id: string | null
    readonly name: string | null
    readonly email: string | null
    readonly phone: string | null
  } | null

  /** The money tops up the prepaid balance of `customer.id` */
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

  /** Store of the payment */
  readonly store: string | null
  readonly payment_link: string | null
  readonly customer_id: string | null

  /** It tops up a customer’s prepaid balance: it is not a sale and not part of your balance */
  readonly top_up: boolean

  /** JSON text in CSV */
  readonly metadata: Readonly<Record<string, string>>
}

/** A page that creates a payment for each payer */
export type PaymentLink = {
  readonly id: string
  readonly object: 'payment_link'
  readonly livemode: boolean

  /** URL for payers */
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

  /** Last payment of a single-use link */
  readonly payment: string | null
  readonly store: string | null
  readonly expires_at: string | null
  readonly archived: boolean
  readonly created_at: string

  /** HTML to paste, in the language of the shop. It works without scripts and without `style`. */
  readonly html: {
    /** A form with a button, to paste into a page. It has an amount field if the payer enters the amount. */
    readonly button: string

    /** The same as an HTML link, for e-mails and editors that do not accept forms */
    readonly link: string

    /** Optional, once per page: shows both in your colour. Or style `purser-form` and `purser-button` yourself. */
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

/** All rows of the period, oldest first */
export type PaymentsLineList = readonly PaymentLine[]

/** Current exchange rate of two currencies, before any spread */
export type Rate = {
  readonly object: 'rate'
  readonly livemode: boolean
  readonly base: string
  readonly quote: string

  /** Units of `quote` for one `base`: a decimal string with up to 18 significant digits */
  readonly rate: string

  /** Price sources of the rate; `fixed` is a rate that the operator set */
  readonly sources: readonly string[]

  /** Time of the oldest price in it */
  readonly at: string
  readonly age_seconds: number

  /** Maximum age of a rate. If only older prices exist, the response is 503. */
  readonly max_age_seconds: number
}

/** Money that arrived, as a row */
export type ReceiptLine = {
  readonly id: string
  readonly payment: string
  readonly attempt: string

  /** Time at which it was posted to the ledger; `from` and `to` filter by it */
  readonly recorded_at: string

  /** Time at which the provider took the money */
  readonly received_at: string
  readonly livemode: boolean
  readonly method: string

  /** Receipt number that the payer sees */
  readonly receipt_number: string | null
  readonly amount: string
  readonly currency: string

  /** Amount that counts towards the payment, in the currency of the payment */
  readonly counted: string
  readonly refunded: string

  /** Amount reversed by the provider: chargebacks, and payments that failed after they were paid */
  readonly taken_back: string
  readonly payment_currency: string
  readonly late: boolean

  /** Reference of the payment */
  readonly reference: string | null

  /** Store of the payment */
  readonly store: string | null

  /** It tops up a customer’s prepaid balance: it is not a sale and not part of your balance */
  readonly top_up: boolean
}

/** All rows of the period, oldest first */
export type ReceiptsLineList = readonly ReceiptLine[]

/** A difference between the ledger and the records of a provider */
export type ReconciliationCase = {
  readonly id: string
  readonly object: 'reconciliation_case'
  readonly rail: string

  /** Day in BUSINESS_TIME_ZONE */
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

  /** Number of the provider's line, the receipt or the attempt */
  readonly subject: string
  readonly payment: string | null
  readonly merchant: string | null
  readonly ours: { readonly amount: string; readonly currency: string } | null
  readonly theirs: { readonly amount: string; readonly currency: string } | null
  readonly moved_at: string

  /** `closed` or `credited` by an operator; `repaired` if a later comparison found no difference */
  readonly status: 'open' | 'closed' | 'repaired' | 'credited'
  readonly suggested_action: string
  readonly note: string | null
  readonly created_at: string
  readonly closed_at: string | null
}

/** A page of reconciliation cases */
export type ReconciliationCaseList = {
  readonly object: 'list'
  readonly data: readonly ReconciliationCase[]
  readonly next_cursor: string | null
}

export type RedeliverRangeInput = {
  /** Events at this time or later */
  readonly from: string

  /** Events before this time */
  readonly to: string

  /** `pending`: sends waiting deliveries now */
  readonly status?: 'pending' | 'succeeded' | 'failed' | 'canceled' | undefined
}

/** Result of a request to send deliveries again */
export type Redelivery = {
  readonly object: 'redelivery'

  /** Number of deliveries that are sent again, at most 1000 per request */
  readonly count: number

  /** Set if there may be more: repeat the request with this as `from` */
  readonly next_from: string | null
}

/** Money returned to a payer */
export type Refund = {
  readonly id: string
  readonly object: 'refund'

  /** Increases with each change. The copy with the larger version is newer. */
  readonly version: number
  readonly livemode: boolean
  readonly payment: string

  /** `pending`: in progress; Purser queries the provider for the result. `claimable`: send `claim_url` to the payer. `failed`: the money is in your balance again. */
  readonly status: 'pending' | 'claimable' | 'succeeded' | 'failed' | 'canceled' | 'expired'

  /** Decimal string in units of the currency, with its decimals */
  readonly amount: string
  readonly currency: string
  readonly amount_basis: 'paid_rate' | 'current_rate' | 'fiat'
  readonly reason: string | null

  /** `provider`: created in the provider’s own dashboard */
  readonly origin: 'merchant' | 'provider'

  /** Method that sends it. Null while a refund link waits for the payer. */
  readonly method: string | null

  /** Masked destination */
  readonly destination: string | null

  /** Receipt number that the payer sees */
  readonly number: string | null

  /** Reason of the failure. For a refund link, reason of the last failed transfer. */
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

  /** Page on which the payer enters the destination. Anyone with this URL can claim the money, so send it only to the payer. Null in lists and events, for keys without `payments:write`, and after use. */
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

  /** `provider`: created in the provider’s own dashboard */
  readonly origin: string

  /** Method that sends it */
  readonly method: string | null

  /** Masked */
  readonly destination: string | null

  /** Receipt number that the payer sees */
  readonly number: string | null
  readonly failure: string | null
  readonly reason: string | null

  /** Reference of the payment */
  readonly reference: string | null

  /** Store of the payment */
  readonly store: string | null

  /** It tops up a customer’s prepaid balance: it is not a sale and not part of your balance */
  readonly top_up: boolean
}

/** A page of refunds */
export type RefundList = {
  readonly object: 'list'
  readonly data: readonly Refund[]
  readonly next_cursor: string | null
}

/** All rows of the period, oldest first */
export type RefundsLineList = readonly RefundLine[]

export type RejectTransferInput = { readonly note: string }

export type ResolveCaseInput = {
  /** `close`: an operator resolved it and nothing is posted. `retry`: the day is compared again, and the case closes if nothing differs. `credit`: money of kind `missing-here` is credited to `payment`, once. */
  readonly action: 'close' | 'retry' | 'credit'

  /** With `credit`: the payment that the money is for. Its currency must be that of the money. */
  readonly payment?: string | undefined
  readonly note: string
}

export type RotateWebhookSecretInput = {
  /** Hours for which messages are also signed with the previous secrets */
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

/** Received money that is pending until the hold has passed */
export type Settlement = {
  readonly id: string
  readonly object: 'settlement'
  readonly livemode: boolean
  readonly payment: string

  /** `returned`: all of it was refunded or reversed before it was settled */
  readonly status: 'pending' | 'settled' | 'returned'
  readonly currency: string

  /** Received amount, less the part that repaid a debt */
  readonly amount: string

  /** Amount refunded or reversed before it was settled. It carries no fee. */
  readonly returned: string

  /** Fee that is or will be deducted */
  readonly fee: string

  /** Amount that becomes available */
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

  /** A Kenyan mobile number, with or without the country code */
  readonly phone?: string | undefined
  readonly email?: string | undefined
}

/** A shop of the merchant. A null or empty field inherits the merchant’s value. */
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

/** A manual transfer: the payer sends it, and an operator confirms it */
export type Transfer = {
  readonly id: string
  readonly object: 'transfer'
  readonly payment: string
  readonly merchant: string

  /** Payment code that the payer writes on the transfer */
  readonly code: string | null

  /** Requested amount */
  readonly amount: string
  readonly currency: string
  readonly status: 'created' | 'submitting' | 'pending' | 'unknown' | 'settled' | 'failed' | 'abandoned'

  /** Time at which the payer reported it as sent */
  readonly sent_at: string | null

  /** Note of the payer */
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

  /** Colour of buttons. Pages use the nearest readable shade. */
  readonly colour?: string | null | undefined

  /** A PNG, JPEG or WebP image of at most 100 kB, as base64. Null removes the logo. */
  readonly logo?: string | null | undefined

  /** Percentage of a payment’s amount that may be missing when it counts as paid, at most 10. It applies to new payments. */
  readonly tolerance?: string | undefined
}

export type UpdatePaymentLinkInput = {
  readonly description?: string | undefined
  readonly reference?: string | null | undefined
  readonly methods?: readonly string[] | null | undefined
  readonly return_url?: string | null | undefined
  readonly expires_at?: string | null | undefined

  /** An archived link creates no more payments */
  readonly archived?: boolean | undefined
}

export type UpdateStoreInput = {
  readonly name?: string | undefined
  readonly locale?: 'en' | 'sw' | null | undefined

  /** Colour of buttons. Pages use the nearest readable shade. */
  readonly colour?: string | null | undefined

  /** A PNG, JPEG or WebP image of at most 100 kB, as base64. Null removes the logo. */
  readonly logo?: string | null | undefined

  /** Origins to which payers may return. Needs the scope `origins:write`, which a key has only if it was named at creation. */
  readonly return_origins?: readonly string[] | undefined

  /** Payment methods in display order. An empty list means all. */
  readonly methods?: readonly string[] | undefined
  readonly archived?: boolean | undefined
}

export type UpdateWebhookEndpointInput = {
  /** Target of the events: a public URL, https in live mode. Redirects are not followed. */
  readonly url?: string | undefined

  /** Events to send: `*` for all, `payment.*` for all events of payments (likewise `refund.*` and `settlement.*`; `payout.*` is reserved for future payouts), or single types: payment.created, payment.processing, payment.paid, payment.partially_paid, payment.overpaid, payment.expired, payment.canceled, payment.failed, payment.reversed, refund.created, refund.claimable, refund.succeeded, refund.failed, refund.canceled, refund.expired, settlement.created, settlement.completed, settlement.returned */
  readonly events?: readonly string[] | undefined

  /** Your own note */
  readonly description?: string | undefined

  /** True also enables an endpoint that Purser disabled */
  readonly enabled?: boolean | undefined
}

/** A URL that receives events */
export type WebhookEndpoint = {
  readonly id: string
  readonly object: 'webhook_endpoint'
  readonly livemode: boolean
  readonly url: string
  readonly events: readonly string[]
  readonly description: string | null
  readonly enabled: boolean

  /** `failing`: every delivery failed for five days. `gone`: it answered 410. */
  readonly disabled_reason: 'requested' | 'failing' | 'gone' | null

  /** Time since which every delivery has failed */
  readonly failing_since: string | null
  readonly created_at: string
}

export type WebhookEndpointList = {
  readonly object: 'list'
  readonly data: readonly WebhookEndpoint[]
  readonly next_cursor: null
}

/** Error codes that programs react to. Later versions may add codes. */
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
  | 'platform.commit-unknown'
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

/** Request of one operation. */
export interface OperationRow {
  readonly method: string
  readonly path: string
  /** Names of the path parameters, in the order of the arguments. */
  readonly params: readonly string[]
  /** Kind of the argument after the path parameters. */
  readonly takes: 'body' | 'query' | 'nothing'
  /** Takes an Idempotency-Key, so it can be retried. */
  readonly keyed: boolean
  readonly answer: 'json' | 'stream'
}

/** Operations. Each throws PurserError for an error response and ConnectionError without a response. */
export interface Operations {
  /** Create a payment. Returns the payment and its `checkout_url`, the page to which you send the payer. Send an `Idempotency-Key`: the same key and body always return the first payment, even after a lost response. */
  createPayment(body: CreatePaymentInput, options?: CallOptions): Promise<Payment>

  /** List payments, newest first. A payment must match all filters. For the next page, send `next_cursor` as `cursor` with the same filters. It is null on the last page. */
  listPayments(
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly status?: 'open' | 'processing' | 'paid' | 'expired' | 'canceled' | 'failed' | 'reversed' | undefined
      readonly reference?: string | undefined
      readonly store?: string | undefined

      /** Created at this time or later */
      readonly created_from?: string | undefined

      /** Created before this time */
      readonly created_to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<PaymentList>

  /** Retrieve a payment */
  getPayment(id: string, options?: CallOptions): Promise<Payment>

  /** Retrieve the merchant’s balance, per currency. Returns one row for each currency in which money ever arrived, so none before the first payment. With `currency`, it always returns that row. */
  getBalance(query?: { readonly currency?: string | undefined }, options?: CallOptions): Promise<Balance>

  /** Retrieve the exchange rate of two currencies. Returns the median of several price sources, without outliers. Use it to show prices: a payment keeps the rate of its creation. */
  getRate(query: { readonly base: string; readonly quote: string }, options?: CallOptions): Promise<Rate>

  /** Start an attempt to pay. For merchants with their own checkout; the hosted page does this by itself. Depending on the method, it prompts the phone, returns the page for the payer, returns the address to pay to, or charges the customer’s prepaid balance. A payment keeps one address: a repeated request returns the same attempt with the amount still due, at a rate that is locked for 15 minutes. The attempt is `pending` while the payer decides: retrieve the payment to see the result. `unknown` means that the provider did not answer: Purser queries the provider again but never sends the request again. */
  startAttempt(id: string, body: StartAttemptInput, options?: CallOptions): Promise<Attempt>

  /** Cancel a payment that is not paid. Repeated calls change nothing. It is refused while a prompt is on the payer’s phone. Money that still arrives is credited, with `flags.late`. */
  cancelPayment(id: string, options?: CallOptions): Promise<Payment>

  /** Retrieve the merchant of this key */
  getMerchant(options?: CallOptions): Promise<Merchant>

  /** Change how payers see the merchant. Pages show the change within seconds, including pages of earlier payments. Earlier payments keep the old name. */
  updateMerchant(body: UpdateMerchantInput, options?: CallOptions): Promise<Merchant>

  /** Set the payout destination, or remove it with null. Needs the scope `destinations:write`, which a key has only if it was named at creation. Each change is in the audit log. */
  setPayoutDestination(body: SetPayoutDestinationInput, options?: CallOptions): Promise<Merchant>

  /** Create a store. Set `store` when you create a payment, or use a key of the store (npx purser key create --store). */
  createStore(body: CreateStoreInput, options?: CallOptions): Promise<Store>

  /** List stores, newest first */
  listStores(
    query?: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<StoreList>

  /** Change a store, or archive it */
  updateStore(id: string, body: UpdateStoreInput, options?: CallOptions): Promise<Store>

  /** Create a payment link. Returns its `url`, and HTML to paste into a page. Each payer gets a separate payment. A single-use link closes when one payment is paid. Without `amount`, the payer enters the amount. Each payment names its `payment_link`. `html.button` is a pay button that works on any page without scripts. Add `html.style` once to the page to show it in your colour: ```html <link rel="stylesheet" href="https://pay.example/l/lnk_01kd3vq7m2e8wtzr4c9x5bnh6f/button.css"> <form action="https://pay.example/l/lnk_01kd3vq7m2e8wtzr4c9x5bnh6f" method="get" class="purser-form"> <label>Amount (KES) <input name="amount" type="text" inputmode="decimal" maxlength="30" required></label> <button type="submit" class="purser-button">Pay</button> </form> ``` */
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

  /** Retrieve a payment link */
  getPaymentLink(id: string, options?: CallOptions): Promise<PaymentLink>

  /** Change a payment link, or archive it. Payments that the link created do not change. Its amount cannot change: create another link instead. */
  updatePaymentLink(id: string, body: UpdatePaymentLinkInput, options?: CallOptions): Promise<PaymentLink>

  /** List settlements, newest first. Received money is `pending` in the balance until the merchant’s hold has passed. Then the fee is deducted and the rest is `available`. A merchant without hold and fee has no settlements: its money is available immediately. */
  listSettlements(
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly status?: 'pending' | 'settled' | 'returned' | undefined
    },
    options?: CallOptions,
  ): Promise<SettlementList>

  /** Refund a payment, in full or in part. Debits the amount from your balance immediately and sends it back to the original payment method. While the refund is `pending`, Purser queries the provider for the result; `failed` credits the amount to your balance again. If the original payment method cannot refund, the refund is `claimable`: send its `claim_url` to the payer, who enters the destination there. Send an `Idempotency-Key`: the same key and body always return the same refund. */
  createRefund(id: string, body: CreateRefundInput, options?: CallOptions): Promise<Refund>

  /** List the refunds of a payment, newest first. Includes refunds that were created at the provider (`origin`). */
  listRefundsOfPayment(
    id: string,
    query?: {
      readonly limit?: number | undefined

      /** `next_cursor` of the previous page */
      readonly cursor?: string | undefined
      readonly status?: 'pending' | 'claimable' | 'succeeded' | 'failed' | 'canceled' | 'expired' | undefined
    },
    options?: CallOptions,
  ): Promise<RefundList>

  /** List refunds, newest first */
  listRefunds(
    query?: {
      readonly limit?: number | undefined

      /** `next_cursor` of the previous page */
      readonly cursor?: string | undefined
      readonly status?: 'pending' | 'claimable' | 'succeeded' | 'failed' | 'canceled' | 'expired' | undefined
    },
    options?: CallOptions,
  ): Promise<RefundList>

  /** Retrieve a refund */
  getRefund(id: string, options?: CallOptions): Promise<Refund>

  /** Cancel a refund whose link is unused. Credits the amount to your balance again. Repeated calls change nothing. */
  cancelRefund(id: string, options?: CallOptions): Promise<Refund>

  /** Retrieve a customer’s prepaid balance, per currency. You choose the ids of customers. There is no row before the first top-up. To top up a balance, create a payment with `top_up` and `customer.id`. To pay from it, create a payment with `customer.id` and with `balance` among its methods, and start an attempt with `{"method": "balance"}`. */
  getCustomerBalance(id: string, options?: CallOptions): Promise<CustomerBalance>

  /** Credit a customer from your own balance. For a bonus, or for money that you received outside Purser. It is debited from your available balance. An Idempotency-Key never expires here. */
  topUpCustomer(id: string, body: TopUpCustomerInput, options?: CallOptions): Promise<CustomerBalance>

  /** List transfers that payers reported as sent, oldest first. Lists undecided transfers of all merchants, so it needs an operator’s key. */
  listTransfers(
    query?: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<TransferList>

  /** Confirm that the money of a transfer arrived. The money is credited whatever the status of the payment, with `flags.late` if the payment has ended. Repeating a confirmation changes nothing. */
  confirmTransfer(id: string, body: ConfirmTransferInput, options?: CallOptions): Promise<Transfer>

  /** Reject a transfer whose money did not arrive. The payer can try again. Money that arrives later can still be confirmed. */
  rejectTransfer(id: string, body: RejectTransferInput, options?: CallOptions): Promise<Transfer>

  /** Create a webhook endpoint. Each event is sent as POST `{"id":"evt_…","type","created_at","livemode","version","data":{"object"}}`, signed according to Standard Webhooks: verify it with one of its libraries and this `secret`. Respond with 2xx within 10 seconds; any other response is retried for three days. An event can arrive twice (same `webhook-id`). The copy of an object with the larger `data.object.version` is newer. */
  createWebhookEndpoint(body: CreateWebhookEndpointInput, options?: CallOptions): Promise<NewWebhookEndpoint>

  /** List webhook endpoints, oldest first */
  listWebhookEndpoints(options?: CallOptions): Promise<WebhookEndpointList>

  /** Retrieve a webhook endpoint */
  getWebhookEndpoint(id: string, options?: CallOptions): Promise<WebhookEndpoint>

  /** Change, disable or enable a webhook endpoint. Disabling an endpoint cancels its pending deliveries, and events of that time are not stored for it. Once it is enabled again, you can send failed deliveries of a period again. */
  updateWebhookEndpoint(id: string, body: UpdateWebhookEndpointInput, options?: CallOptions): Promise<WebhookEndpoint>

  /** Delete a webhook endpoint. Cancels its pending deliveries. */
  deleteWebhookEndpoint(id: string, options?: CallOptions): Promise<DeletedWebhookEndpoint>

  /** Rotate the secret of a webhook endpoint. During the overlap, each message is signed with the new and the previous secrets, so that you can switch in between. The Standard Webhooks libraries accept any matching signature. */
  rotateWebhookSecret(id: string, body: RotateWebhookSecretInput, options?: CallOptions): Promise<NewWebhookEndpoint>

  /** Send a test event to a webhook endpoint. Sends an event `webhook.test`, whatever the endpoint subscribes to. Retrieve the delivery to see the result. */
  testWebhookEndpoint(id: string, options?: CallOptions): Promise<Delivery>

  /** List the deliveries to a webhook endpoint, newest first. Deliveries are kept for 30 days. */
  listDeliveries(
    id: string,
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly status?: 'pending' | 'succeeded' | 'failed' | 'canceled' | undefined
    },
    options?: CallOptions,
  ): Promise<DeliveryList>

  /** Retrieve a delivery, with its requests and responses */
  getDelivery(id: string, options?: CallOptions): Promise<DeliveryDetail>

  /** Send a delivery again, or immediately. Sends the same event with the same `webhook-id` and body, and a new signature. */
  redeliver(id: string, options?: CallOptions): Promise<Delivery>

  /** Send the deliveries of a period again. By default sends failed deliveries, oldest first. Deliveries about one object keep their order. */
  redeliverRange(id: string, body: RedeliverRangeInput, options?: CallOptions): Promise<Redelivery>

  /** Export payments as CSV. Streams rows of payments by the time of their creation, oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. A cell that a spreadsheet would run as a formula begins with an apostrophe. */
  exportPaymentsCsv(
    query?: {
      /** Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`. */
      readonly from?: string | undefined

      /** End, exclusive. Default: now. */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export payments as JSON. Streams rows of payments by the time of their creation, oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. One array with one row per line. A truncated file lacks the closing bracket. */
  exportPaymentsJson(
    query?: {
      /** Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`. */
      readonly from?: string | undefined

      /** End, exclusive. Default: now. */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export receipts as CSV. Streams rows of receipts by the time at which they were recorded, so that the list of a past period never changes, oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. A cell that a spreadsheet would run as a formula begins with an apostrophe. */
  exportReceiptsCsv(
    query?: {
      /** Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`. */
      readonly from?: string | undefined

      /** End, exclusive. Default: now. */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export receipts as JSON. Streams rows of receipts by the time at which they were recorded, so that the list of a past period never changes, oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. One array with one row per line. A truncated file lacks the closing bracket. */
  exportReceiptsJson(
    query?: {
      /** Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`. */
      readonly from?: string | undefined

      /** End, exclusive. Default: now. */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export refunds as CSV. Streams rows of refunds by the time of their creation, oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. A cell that a spreadsheet would run as a formula begins with an apostrophe. */
  exportRefundsCsv(
    query?: {
      /** Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`. */
      readonly from?: string | undefined

      /** End, exclusive. Default: now. */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export refunds as JSON. Streams rows of refunds by the time of their creation, oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. One array with one row per line. A truncated file lacks the closing bracket. */
  exportRefundsJson(
    query?: {
      /** Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`. */
      readonly from?: string | undefined

      /** End, exclusive. Default: now. */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export ledger as CSV. Streams rows of ledger (all movements on your accounts), oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. A cell that a spreadsheet would run as a formula begins with an apostrophe. */
  exportLedgerCsv(
    query?: {
      /** Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`. */
      readonly from?: string | undefined

      /** End, exclusive. Default: now. */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** Export ledger as JSON. Streams rows of ledger (all movements on your accounts), oldest first, without a limit on their number. Times are in UTC, amounts are decimal strings. One array with one row per line. A truncated file lacks the closing bracket. */
  exportLedgerJson(
    query?: {
      /** Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`. */
      readonly from?: string | undefined

      /** End, exclusive. Default: now. */
      readonly to?: string | undefined
    },
    options?: CallOptions,
  ): Promise<Response>

  /** List reconciliation cases, newest first. A case is a difference between the ledger and a provider’s records. Lists cases of all merchants, so it needs an operator’s key. */
  listReconciliationCases(
    query?: {
      readonly limit?: number | undefined
      readonly cursor?: string | undefined
      readonly status?: 'open' | 'closed' | 'repaired' | 'credited' | undefined
      readonly rail?: string | undefined
    },
    options?: CallOptions,
  ): Promise<ReconciliationCaseList>

  /** Close or credit a reconciliation case, or compare its day again */
  resolveReconciliationCase(id: string, body: ResolveCaseInput, options?: CallOptions): Promise<ReconciliationCase>
}

/** Lists as iterators over items. Each requests further pages as it goes. */
export interface Iterators {
  /** List payments, newest first */
  listPayments(
    query?: {
      readonly limit?: number | undefined
      readonly status?: 'open' | 'processing' | 'paid' | 'expired' | 'canceled' | 'failed' | 'reversed' | undefined
      readonly reference?: string | undefined
      readonly store?: string | undefined

      /** Created at this time or later */
      readonly created_from?: string | undefined

      /** Created before this time */
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

  /** List transfers that payers reported as sent, oldest first */
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

  /** List reconciliation cases, newest first */
  listReconciliationCases(
    query?: {
      readonly limit?: number | undefined
      readonly status?: 'open' | 'closed' | 'repaired' | 'credited' | undefined
      readonly rail?: string | undefined
    },
    options?: CallOptions,
  ): AsyncIterable<ReconciliationCase>
}
