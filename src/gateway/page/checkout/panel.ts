import { html, type Html } from '#platform/base/html'
import { address, arrivals, repricing } from './address.ts'
import { choose, closing } from './choose.ts'
import { closed, confirming } from './notices.ts'
import { paid } from './paid.ts'
import { showMoney } from '../../strings/format.ts'
import { asksForMoney, isMoving, isSettled, liveTransfer, stateOf, type PanelState, type View } from './state.ts'
import type { Word } from '../../strings/english.ts'
import { checkingTransfer, transfer } from './transfer.ts'
import { waiting } from './waiting.ts'

/** Renders the changing part of the page. It shows only the ledger's state of the payment. */
export function panel(view: View): Html {
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
    ${bodyOf(view, state)} ${asksForMoney(state) && timeUp(view)}
  </div>`
}

/** Renders a template of the panel after expiry, for a script that cannot reach the server at that time. */
function timeUp(view: View): Html {
  const { intent } = view
  const then = { ...view, now: intent.expiresAt, problem: undefined }
  return html`<template data-time-up data-page-title="${titleOf(then)}"
    >${bodyOf(then, stateOf(intent, intent.expiresAt))}</template
  >`
}

function bodyOf(view: View, state: PanelState): Html {
  switch (state) {
    case 'choose':
      return choose(view)
    case 'waiting':
      return waiting(view)
    case 'address':
      return address(view)
    case 'repricing':
      return repricing(view)
    case 'transfer':
      return transfer(view)
    case 'confirming': {
      const sent = liveTransfer(view.intent)
      return html`${sent ? checkingTransfer(view, sent) : confirming(view)} ${arrivals(view)}`
    }
    case 'closing':
      return closing(view)
    case 'paid':
      return paid(view)
    case 'expired':
    case 'canceled':
    case 'failed':
    case 'reversed':
      return closed(view, state)
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
