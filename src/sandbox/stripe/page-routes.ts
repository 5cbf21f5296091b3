import { z } from 'zod'
import type { Clock } from '#platform/base/clock'
import type { Db, Tx } from '#platform/database/db'
import type { HttpServer, Reply } from '#platform/web/http'
import type { Gate } from '../access.ts'
import type { Assets } from '../page/assets.ts'
import { findCard } from './cards.ts'
import { WireError } from './errors.ts'
import { cardPage, challengePage, donePage, expiredPage } from './page.ts'
import type { CardPayments, PayResult } from './payments.ts'
import type { StoredSession, Sessions } from './sessions.ts'

export interface StripePageDeps {
  db: Db
  clock: Clock
  sessions: Sessions
  payments: CardPayments
  gate: Gate
}

const params = z.object({ id: z.string().max(80) })
const field = z.string().max(100).default('')
const cardForm = z.object({ number: field, expiry: field, cvc: field, name: field })
const challengeForm = z.object({ answer: z.enum(['approve', 'fail']) })

/** Serves the hosted page where the payer of a session enters a card. */
export function addStripePages(app: HttpServer, deps: StripePageDeps, assets: Assets): void {
  const { db, sessions, payments, gate, clock } = deps
  const url = '/sandbox/stripe/pay/:id'
  const read = { config: { page: true }, onRequest: gate, schema: { hide: true, params } }
  const find = (tx: Tx, id: string): Promise<StoredSession | undefined> =>
    sessions.require(tx, id).catch((error: unknown) => {
      if (error instanceof WireError) return undefined
      throw error
    })
  const send = (reply: Reply, status: number, page: string): Reply =>
    reply.status(status).type('text/html; charset=utf-8').send(page)

  app.get(url, read, async (request, reply) => {
    const kept = await db.transaction((tx) => find(tx, request.params.id))
    if (kept?.body.status === 'complete') return send(reply, 200, donePage(assets, kept.body))
    if (kept?.body.status !== 'open') return send(reply, 404, expiredPage(assets, kept?.body))
    return send(reply, 200, cardPage(assets, { session: kept.body, productName: kept.hidden.productName }))
  })

  const pay = { config: { page: true, form: true }, onRequest: gate, schema: { hide: true, params, body: cardForm } }
  app.post(url, pay, async (request, reply) => {
    const { number, name } = request.body
    const card = findCard(number.replaceAll(/\D/g, ''))
    const problem = findProblem(request.body, card !== undefined, clock.now())
    const { kept, result } = await db.transaction(async (tx) => {
      const found = await find(tx, request.params.id)
      return {
        kept: found,
        result: found && card && !problem ? await payments.pay(tx, found.body.id, card.behaviour) : undefined,
      }
    })
    if (!kept) return send(reply, 404, expiredPage(assets, undefined))
    return answer(reply, kept, result ?? { kind: 'declined', says: problem ?? '' }, { number, name })
  })

  app.get(`${url}/challenge`, read, async (request, reply) => {
    const kept = await db.transaction((tx) => find(tx, request.params.id))
    if (kept?.body.status !== 'open') return send(reply, 404, expiredPage(assets, kept?.body))
    return send(reply, 200, challengePage(assets, kept.body))
  })

  const challenge = { ...pay, schema: { hide: true, params, body: challengeForm } }
  app.post(`${url}/challenge`, challenge, async (request, reply) => {
    const { kept, result } = await db.transaction(async (tx) => {
      const found = await find(tx, request.params.id)
      const approved = request.body.answer === 'approve'
      return { kept: found, result: found && (await payments.answerChallenge(tx, found.body.id, approved)) }
    })
    if (!kept || !result) return send(reply, 404, expiredPage(assets, undefined))
    return answer(reply, kept, result, {})
  })

  function answer(
    reply: Reply,
    kept: StoredSession,
    result: PayResult,
    typed: { number?: string; name?: string },
  ): Reply {
    switch (result.kind) {
      case 'paid':
        return send(reply, 200, donePage(assets, result.session))
      case 'challenge':
        return reply.redirect(`/sandbox/stripe/pay/${kept.body.id}/challenge`, 303)
      case 'declined': {
        const form = { session: kept.body, productName: kept.hidden.productName, problem: result.says, typed }
        return send(reply, 402, cardPage(assets, form))
      }
      case 'closed':
        return result.session.status === 'complete'
          ? send(reply, 200, donePage(assets, result.session))
          : send(reply, 404, expiredPage(assets, result.session))
    }
  }
}

/** Returns the error of the form in the words of the real page. Undefined when it is valid. */
function findProblem({ number, expiry, cvc }: z.infer<typeof cardForm>, known: boolean, now: Date): string | undefined {
  if (!known)
    return number.trim() === ''
      ? 'Enter a card number.'
      : 'This is not a test card. Use one from the list below, and never enter a real card here.'
  const [, month = '', year = ''] = /^(\d{1,2})\s*\/?\s*(\d{2})$/.exec(expiry.trim()) ?? []
  const ends = new Date(Date.UTC(2000 + Number.parseInt(year || '0', 10), Number.parseInt(month || '0', 10), 1))
  const isMonth = Number.parseInt(month || '0', 10) >= 1 && Number.parseInt(month || '0', 10) <= 12
  if (!isMonth || ends <= now) return 'Your card’s expiration date is in the past or not complete.'
  return /^\d{3,4}$/.test(cvc.trim()) ? undefined : 'Your card’s security code is incomplete.'
}
