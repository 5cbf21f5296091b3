// Makes the checkout page follow the payment by itself. Without this script the page works by forms and reloading.
const checkout = document.getElementById('checkout')
const path = `/pay/${checkout.dataset.payId}`
const query = `?lang=${checkout.dataset.lang}`
const said = document.getElementById('said')
const lost = document.getElementById('lost')
const FINAL = new Set(['paid', 'expired', 'canceled', 'failed', 'reversed'])
const MOVING_MS = 3000
const QUIET_MS = 10_000
/** The server says something every 15 s; a stream that does not is dead. The first word comes at once. */
const SILENCE_MS = 40_000
const FIRST_WORD_MS = 5000
const POST_DEADLINE_MS = 60_000
/** What comes after the money, such as a receipt number, comes soon or not at all. */
const LINGER_MS = 120_000

// The clocks. The server says how much time is left, because the payer's clock may be wrong. Of two clocks the one that says less counts: the
// monotonic one may stand still while the tab sleeps, the other one may be turned back. One that is turned forward only makes us ask the server.
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
  // Until the server says so too.
  if (panel().dataset.state === 'time-up' && performance.now() - asked > MOVING_MS) void poll()
}

// How long the prompt on the phone can still be answered.
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

// The time is up: whether the server can be reached or not, nothing on this page asks for money any more.
function stopAsking() {
  const old = panel()
  const then = old.querySelector('template[data-time-up]')
  if (!then) return
  const next = old.cloneNode(false)
  next.dataset.state = 'time-up'
  next.append(then.content.cloneNode(true))
  replacePanel(old, next, false)
  tellNews(next)
  document.title = then.dataset.pageTitle
  clearTimeout(staling)
}

// A price that was promised for a time: when it is over, the panel is another.
let staling

const panel = () => document.getElementById('panel')
const parse = (text) => new DOMParser().parseFromString(text, 'text/html').getElementById('panel')

// The panel is the server's; it is put in place unless a newer one is there. `isAnswer`: to what the payer just did here.
function show(text, isAnswer = false) {
  const next = parse(text)
  if (!next) return false
  keepTime(next)
  const old = panel()
  const newer = Number(next.dataset.version) - Number(old.dataset.version)
  const same = newer === 0 && next.dataset.state === old.dataset.state
  if (newer < 0 || (same && !isAnswer)) return true
  replacePanel(old, next, isAnswer)
  tellNews(next)
  document.title = next.dataset.pageTitle
  settle()
  tick()
  hurryPoll()
  return true
}

// Keeps what was typed, the caret, and the focus: on the same thing if it is still there, else on what is new.
function replacePanel(old, next, isAnswer) {
  const active = document.activeElement
  const hadFocus = old.contains(active)
  const caret = active.id === 'phone' ? active.selectionStart : null
  // It is for pages without a script, and would be refused here.
  next.querySelector('[autofocus]')?.removeAttribute('autofocus')
  old.replaceWith(next)
  recallPhone()
  const wrong = isAnswer && next.querySelector('[aria-invalid]')
  const again = hadFocus && active.id ? next.querySelector(`#${active.id}`) : undefined
  const focus = wrong || again || ((hadFocus || isAnswer) && next.querySelector('[data-focus]'))
  if (focus) focus.focus()
  if (focus === again && caret !== null) again?.setSelectionRange(caret, caret)
}

// One region that stays, because a region that is replaced is not read out. It leaves out what the focus says already.
function tellNews(next) {
  const focus = document.activeElement
  const parts = [...next.querySelectorAll('[data-title], [data-text]')]
  const news = parts.filter((part) => !part.matches('.ask'))
  const described = focus.getAttribute('aria-describedby')?.split(' ') ?? []
  const unheard = (part) => part.closest('[data-focus]') !== focus && !described.includes(part.id)
  const spoken = (news.length > 0 ? news : parts).filter(unheard)
  said.textContent = ''
  // Later, so that the same words are news again.
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
  clearTimeout(staling)
  if (stale) staling = setTimeout(() => void poll(), Number(stale.dataset.staleIn) * 1000 + 500)
  if (!FINAL.has(panel().dataset.state)) return
  clock?.remove()
  if ('settled' in panel().dataset) stop()
  else setTimeout(stop, LINGER_MS)
}

// What was typed outlives the panel and a trip to the card page, in this tab only.
const remembered = `phone ${checkout.dataset.payId}`
function recallPhone() {
  const input = document.getElementById('phone')
  try {
    if (input) input.value = sessionStorage.getItem(remembered) ?? input.value
  } catch {
    // Storage is blocked: it is typed again.
  }
}
checkout.addEventListener('input', ({ target }) => {
  if (target.id !== 'phone') return
  target.removeAttribute('aria-invalid')
  try {
    sessionStorage.setItem(remembered, target.value)
  } catch {
    // As above.
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

// Where the browser does not let us copy, the text is marked for the payer to do so.
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
    // A fault of ours has no panel: where the payment stands is asked, not guessed.
    if (!show(text, true)) await poll(true)
  } catch {
    // The answer was lost, the request perhaps not: only the server knows, so it is asked instead of told again.
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

// Server-sent events. While they do not come (a proxy that keeps them, a lost network) the page asks every few seconds.
let events
let silence
let polling
let stopped = false
let hearing = false

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
    hearing = false
    schedulePoll()
  }
  expectWord(FIRST_WORD_MS)
}

function alive() {
  hearing = true
  offline(false)
  clearTimeout(polling)
  polling = undefined
  expectWord(SILENCE_MS)
}

function expectWord(withinMs) {
  clearTimeout(silence)
  silence = setTimeout(() => {
    hearing = false
    schedulePoll()
    // Tries again now and then, not at once: a server that has no place for one more stream must get rest.
    if (withinMs === SILENCE_MS) follow()
    else expectWord(SILENCE_MS)
  }, withinMs)
}

function schedulePoll() {
  if (stopped) return
  polling ??= setTimeout(() => void poll(), 'moving' in panel().dataset ? MOVING_MS : QUIET_MS)
}

// What has begun to move is asked about sooner.
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
    if (!hearing) schedulePoll()
  }
}

function stop() {
  stopped = true
  events?.close()
  clearTimeout(silence)
  clearTimeout(polling)
}

// On a phone the page sleeps while the prompt is answered; it asks as soon as it is looked at.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return
  tick()
  void poll()
})
window.addEventListener('online', () => void poll())
// A page taken out of the browser's memory is as old as it was left.
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
