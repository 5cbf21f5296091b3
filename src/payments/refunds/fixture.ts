import type { RefundFact, RefundOutcome, RefundRef, RefundRequest, Refunding } from '#rails/contract'

/** Refunds of a scripted rail. */
export interface ScriptedRefunds {
  readonly sent: RefundRequest[]
  readonly checked: RefundRef[]
  /** Answers of the provider. Tests replace them. */
  onSend: (request: RefundRequest) => RefundOutcome | Promise<RefundOutcome>
  onCheck: (refund: RefundRef) => RefundOutcome | Promise<RefundOutcome>
  /** Returns a request body that the rail parses into this fact. */
  says(...facts: RefundFact[]): Buffer
  parse(rawBody: Buffer): readonly RefundFact[]
}

export function createScriptedRefunds(): ScriptedRefunds {
  const scripted: (readonly RefundFact[])[] = []
  return {
    sent: [],
    checked: [],
    onSend: ({ sendingId }) => ({ kind: 'succeeded', reference: `prov_${sendingId}` }),
    onCheck: () => ({ kind: 'unknown', why: 'no answer' }),
    says: (...facts) => Buffer.from(JSON.stringify({ refund: scripted.push(facts) - 1 })),
    parse: (rawBody) => scripted[(JSON.parse(rawBody.toString()) as { refund?: number }).refund ?? -1] ?? [],
  }
}

/** Creates a scripted refunding: a phone rail sends to phones, a card rail to the card. It does not take receipt ids with a colon. */
export const scriptRefund = (script: ScriptedRefunds, kind: 'push' | 'page'): Refunding => ({
  to: kind === 'push' ? 'phone' : 'receipt',
  unavailable: () => undefined,
  limits: () => ({ min: 1n, max: 15_000_000n, step: kind === 'push' ? 100n : 1n }),
  checkAfterMs: [5000, 10_000, 30_000],
  takes: (receiptId) => !receiptId.includes(':'),
  send: async (request) => {
    script.sent.push(request)
    return script.onSend(request)
  },
  check: async (refund) => {
    script.checked.push(refund)
    return script.onCheck(refund)
  },
  parse: ({ rawBody }) => script.parse(rawBody),
})
