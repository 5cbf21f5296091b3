import { html, type Html } from '#platform/base/html'
import { renderAddress, renderDeposits, renderRepricing } from './address.ts'
import { renderMethods, renderClosing } from './choose.ts'
import { renderClosed, renderConfirming } from './notices.ts'
import { renderPaid } from './paid.ts'
import { showMoney } from '../../strings/format.ts'
import { asksForMoney, isMoving, isSettled, liveTransfer, stateOf, type PanelState, type View } from './state.ts'
import type { Word } from '../../strings/english.ts'
import { renderSentTransfer, renderTransfer } from './transfer.ts'
import { renderWaiting } from './waiting.ts'

/** Renders the changing part of the page. It shows only the ledger's state of the payment. */
export function renderPanel(view: View): Html {
  const { intent, problem, now } = view
  const state = stateOf(intent, now)
  const isOpen = intent.status === 'open' || intent.status === 'processing'
  const leftMs = Math.max(0, intent.expiresAt.getTime() - now.getTime())
  return html`<div
    id="panel"
    class="panel"
    data-version="${intent.version}"
    data-state="${state}"
    data-page-title="${titleOf(view)}"
    ${isOpen && html`data-left-ms="${leftMs}"`}
    ${isMoving(state) && html`data-moving`}
    ${isSettled(intent) && html`data-settled`}
    ${view.redirect !== undefined && html`data-redirect="${view.redirect}"`}
    ${problem !== undefined && html`data-problem`}
  >
    ${bodyOf(view, state)} ${asksForMoney(state) && renderExpiryTemplate(view)}
  </div>`
}

/** Renders a template of the panel after expiry, for a script that cannot reach the server at that time. */
function renderExpiryTemplate(view: View): Html {
  const { intent } = view
  const then = { ...view, now: intent.expiresAt, problem: undefined }
  return html`<template data-time-up data-page-title="${titleOf(then)}"
    >${bodyOf(then, stateOf(intent, intent.expiresAt))}</template
  >`
}

function bodyOf(view: View, state: PanelState): Html {
  switch (state) {
    case 'choose':
      return renderMethods(view)
    case 'waiting':
      return renderWaiting(view)
    case 'address':
      return renderAddress(view)
    case 'repricing':
      return renderRepricing(view)
    case 'transfer':
      return renderTransfer(view)
    case 'confirming': {
      const sent = liveTransfer(view.intent)
      return html`${sent ? renderSentTransfer(view, sent) : renderConfirming(view)} ${renderDeposits(view)}`
    }
    case 'closing':
      return renderClosing(view)
    case 'paid':
      return renderPaid(view)
    case 'expired':
    case 'canceled':
    case 'failed':
    case 'reversed':
      return renderClosed(view, state)
  }
}

const TITLES: Readonly<Record<Exclude<PanelState, 'choose' | 'address' | 'transfer'>, Word>> = {
  repricing: 'repricing',
  waiting: 'waiting',
  confirming: 'confirming',
  closing: 'closing',
  paid: 'paid',
  expired: 'expired',
  canceled: 'canceled',
  failed: 'failed',
  reversed: 'reversed',
}

/** Returns the window title. It shows the status, so that payers see it while another window is in front. */
export function titleOf({ intent, speech, now, problem }: View): string {
  const state = stateOf(intent, now)
  const merchant = intent.terms.merchantName
  const payment = `${speech.say('payTo', { merchant })} · ${showMoney(intent.amount)}`
  if (problem) return `${speech.say('problem')}: ${payment}`
  return state === 'choose' || state === 'address' || state === 'transfer'
    ? payment
    : `${speech.say(TITLES[state])} · ${payment}`
}
