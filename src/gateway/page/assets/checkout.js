// Updates the checkout page when the payment changes. Without this script the page works with forms and reloads.
const checkout = document.getElementById('checkout')
const path = `/pay/${checkout.dataset.payId}`
const query = `?lang=${checkout.dataset.lang}`
const said = document.getElementById('said')
const lost = document.getElementById('lost')
const FINAL = new Set(['paid', 'expired', 'canceled', 'failed', 'reversed'])
const MOVING_MS = 3000
const QUIET_MS = 10_000
/** Maximum silence of a stream. The server sends a heartbeat every 15 s, and the first message at once. */
const SILENCE_MS = 40_000
const FIRST_MESSAGE_MS = 5000
const POST_DEADLINE_MS = 60_000
/** Time to wait for data after the final status. A receipt number, for example, arrives soon or not at all. */
const LINGER_MS = 120_000

// Clocks. The server sends the time left, because the payer's clock may be wrong. The lower value of two clocks counts: the monotonic clock
// may stop while the tab sleeps, and the wall clock may be set back. A wall clock that is set forward only causes an extra poll.
const HOUR_MS = 3_600_000
const clock = checkout.querySelector('.countdown')
let timeLeft = () => Infinity
let asked = 0

function countdown(ms) {
  const [steady, wall] = [performance.now() + ms, Date.now() + ms]
  return () => Math.min(steady - performance.now(), wall - Date.now())
}

function keepTime({ dataset }) {
  timeLeft = dataset.leftMs === undefined ? () => Infinity : countdown(Number(dataset.leftMs))
}

const minutesOf = (ms) => {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

function tick() {
  const left = timeLeft()
  if (clock) {
    clock.hidden = left <= 0 || left > 24 * HOUR_MS
    clock.classList.toggle('soon', left < 60_000)
    if (left <= HOUR_MS) clock.querySelector('.left').textContent = minutesOf(left)
  }
  tickPrompt()
  if (left > 0) return
  stopAsking()
  // Poll until the server reports the expiry too.
  if (panel().dataset.state === 'time-up' && performance.now() - asked > MOVING_MS) void poll()
}

// Shows the time left to approve the prompt.
function tickPrompt() {
  const prompt = panel().querySelector('[data-prompt-ms]')
  if (!prompt) return
  prompt.left ??= countdown(Number(prompt.dataset.promptMs))
  const left = prompt.left()
  const [running, over] = prompt.children
  running.querySelector('.left').textContent = minutesOf(left)
  running.hidden = left <= 0
  over.hidden = left > 0
  prompt.classList.toggle('over', left <= 0)
}

// Removes every request for money at expiry, even if the server cannot be reached.
function stopAsking() {
  const old = panel()
  const then = old.querySelector('template[data-time-up]')
  if (!then) return
  const next = old.cloneNode(false)
  next.dataset.state = 'time-up'
  next.append(then.content.cloneNode(true))
  replacePanel(old, next, false)
  announce(next)
  document.title = then.dataset.pageTitle
  clearTimeout(staleTimer)
}

// Timer for the end of a rate, when the panel changes.
let staleTimer

const panel = () => document.getElementById('panel')
const parse = (text) => new DOMParser().parseFromString(text, 'text/html').getElementById('panel')

// Shows a panel from the server, unless the page has a newer one. `isAnswer`: it is the response to the payer's own action.
function show(text, isAnswer = false) {
  const next = parse(text)
  if (!next) return false
  keepTime(next)
  const old = panel()
  const newer = Number(next.dataset.version) - Number(old.dataset.version)
  const same = newer === 0 && next.dataset.state === old.dataset.state
  if (newer < 0 || (same && !isAnswer)) return true
  replacePanel(old, next, isAnswer)
  announce(next)
  document.title = next.dataset.pageTitle
  settle()
  tick()
  hurryPoll()
  return true
}

// Replaces the panel and keeps typed text, caret and focus. If the focused element no longer exists, the new status gets the focus.
function replacePanel(old, next, isAnswer) {
  const active = document.activeElement
  const hadFocus = old.contains(active)
  const caret = active.id === 'phone' ? active.selectionStart : null
  // autofocus is for pages without script; browsers block it here.
  next.querySelector('[autofocus]')?.removeAttribute('autofocus')
  old.replaceWith(next)
  recallPhone()
  const wrong = isAnswer && next.querySelector('[aria-invalid]')
  const again = hadFocus && active.id ? next.querySelector(`#${active.id}`) : undefined
  const focus = wrong || again || ((hadFocus || isAnswer) && next.querySelector('[data-focus]'))
  if (focus) focus.focus()
  if (focus === again && caret !== null) again?.setSelectionRange(caret, caret)
}

// Announces the panel to screen readers in a permanent live region, because they do not read a replaced region. It omits the focused text.
function announce(next) {
  const focus = document.activeElement
  const parts = [...next.querySelectorAll('[data-title], [data-text]')]
  const news = parts.filter((part) => !part.matches('.ask'))
  const described = focus.getAttribute('aria-describedby')?.split(' ') ?? []
  const unheard = (part) => part.closest('[data-focus]') !== focus && !described.includes(part.id)
  const spoken = (news.length > 0 ? news : parts).filter(unheard)
  said.textContent = ''
  // Set the text later, so that screen readers announce the same words again.
  setTimeout(() => {
    said.textContent = spoken.map(speakable).join(' ')
  }, 50)
}

function speakable(part) {
  const copy = part.cloneNode(true)
  for (const drawn of copy.querySelectorAll('[aria-hidden]')) drawn.remove()
  return copy.textContent.trim().replace(/\s+/g, ' ')
}

function settle() {
  for (const button of document.querySelectorAll('[data-print], [data-copy]')) button.hidden = false
  const stale = panel().querySelector('[data-stale-in]')
  clearTimeout(staleTimer)
  if (stale) staleTimer = setTimeout(() => void poll(), Number(stale.dataset.staleIn) * 1000 + 500)
  if (!FINAL.has(panel().dataset.state)) return
  clock?.remove()
  if ('settled' in panel().dataset) stop()
  else setTimeout(stop, LINGER_MS)
}

// The typed number survives new panels and a visit to the card page, in this tab only.
const remembered = `phone ${checkout.dataset.payId}`
function recallPhone() {
  const input = document.getElementById('phone')
  try {
    if (input) input.value = sessionStorage.getItem(remembered) ?? input.value
  } catch {
    // Storage is blocked: the payer types the number again.
  }
}
checkout.addEventListener('input', ({ target }) => {
  if (target.id !== 'phone') return
  target.removeAttribute('aria-invalid')
  try {
    sessionStorage.setItem(remembered, target.value)
  } catch {
    // Storage is blocked.
  }
})

checkout.addEventListener('submit', (event) => {
  if (!('pay' in event.target.dataset)) return
  event.preventDefault()
  void pay(event.target, event.submitter)
})
checkout.addEventListener('click', (event) => {
  if (event.target.closest('[data-print]')) window.print()
  const copying = event.target.closest('[data-copy]')
  if (copying) void copyText(copying)
  if (!event.target.closest('[data-check]')) return
  event.preventDefault()
  void poll(true)
})

// Copies a value. If the browser refuses, it selects the text for the payer to copy.
async function copyText(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy)
    said.textContent = button.dataset.done
  } catch {
    getSelection().selectAllChildren(button.parentElement.querySelector('.copied'))
  }
}

let paying = false
async function pay(form, pressed) {
  if (paying) return
  paying = true
  const button = pressed ?? form.querySelector('button')
  button.setAttribute('aria-disabled', 'true')
  try {
    const answer = await fetch(form.action, {
      method: 'POST',
      headers: { 'x-panel': '1' },
      body: new URLSearchParams(new FormData(form, button)),
      signal: AbortSignal.timeout(POST_DEADLINE_MS),
    })
    const text = await answer.text()
    const redirect = parse(text)?.dataset.redirect
    if (redirect) return location.assign(redirect)
    // A server error has no panel, so poll the status of the payment.
    if (!show(text, true)) await poll(true)
  } catch {
    // The request may have arrived although the response was lost, so poll and do not send it again.
    offline(true)
    schedulePoll()
  } finally {
    paying = false
    button.removeAttribute('aria-disabled')
  }
}

function offline(is) {
  if (lost.hidden !== is) return
  lost.hidden = !is
  lost.textContent = is ? lost.dataset.text : ''
}

// Server-sent events. While none arrive (a buffering proxy, a lost network), the page polls every few seconds.
let events
let silence
let polling
let stopped = false
let streaming = false

function follow() {
  events?.close()
  events = new EventSource(`${path}/events${query}`)
  events.onmessage = ({ data }) => {
    alive()
    show(data)
  }
  events.addEventListener('beat', alive)
  events.addEventListener('end', stop)
  events.onerror = () => {
    streaming = false
    schedulePoll()
  }
  expectMessage(FIRST_MESSAGE_MS)
}

function alive() {
  streaming = true
  offline(false)
  clearTimeout(polling)
  polling = undefined
  expectMessage(SILENCE_MS)
}

function expectMessage(withinMs) {
  clearTimeout(silence)
  silence = setTimeout(() => {
    streaming = false
    schedulePoll()
    // Reconnect later and not at once, to relieve a server that is at its limit of streams.
    if (withinMs === SILENCE_MS) follow()
    else expectMessage(SILENCE_MS)
  }, withinMs)
}

function schedulePoll() {
  if (stopped) return
  polling ??= setTimeout(() => void poll(), 'moving' in panel().dataset ? MOVING_MS : QUIET_MS)
}

// Restarts the timer, because a payment that changes soon is polled more often.
function hurryPoll() {
  if (polling === undefined) return
  clearTimeout(polling)
  polling = undefined
  schedulePoll()
}

async function poll(isAnswer = false) {
  clearTimeout(polling)
  polling = undefined
  asked = performance.now()
  try {
    if (document.hidden && !isAnswer) return
    const answer = await fetch(`${path}/panel${query}`, { signal: AbortSignal.timeout(MOVING_MS * 3) })
    if (!answer.ok) return
    offline(false)
    show(await answer.text(), isAnswer)
  } catch {
    offline(true)
  } finally {
    if (!streaming) schedulePoll()
  }
}

function stop() {
  stopped = true
  events?.close()
  clearTimeout(silence)
  clearTimeout(polling)
}

// On a phone the page sleeps while the payer answers the prompt; poll as soon as it is visible again.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return
  tick()
  void poll()
})
window.addEventListener('online', () => void poll())
// A page restored from the browser's back-forward cache is outdated.
window.addEventListener('pageshow', ({ persisted }) => {
  if (!persisted) return
  tick()
  location.reload()
})

recallPhone()
keepTime(panel())
settle()
tick()
setInterval(tick, 1000)
if (!stopped) follow()
