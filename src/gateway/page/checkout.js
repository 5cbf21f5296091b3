// Makes the checkout page follow the payment by itself. Without this script the page works by reloading.
const checkout = document.getElementById('checkout')
const id = checkout.dataset.payId
const query = `?lang=${checkout.dataset.lang}`
const POLL_MS = 3000
const POST_DEADLINE_MS = 45_000

const panel = () => document.getElementById('panel')

/** Shows the panel that the server rendered, unless it is older than what is shown. */
function show(text, isAnswer = false) {
  const next = new DOMParser().parseFromString(text, 'text/html').getElementById('panel')
  if (!next) return
  const isNews = Number(next.dataset.version) > Number(panel().dataset.version)
  if (!isNews && !isAnswer) return
  const typed = panel().querySelector('#phone')?.value
  const hadFocus = document.activeElement?.id
  panel().replaceWith(next)
  const phone = next.querySelector('#phone')
  if (phone && typed && !isAnswer) phone.value = typed
  if (hadFocus) document.getElementById(hadFocus)?.focus()
  if (next.dataset.status !== 'open' && next.dataset.status !== 'processing') {
    document.querySelector('[data-countdown]')?.remove()
    stop()
  }
  prepare()
}

function prepare() {
  for (const button of document.querySelectorAll('[data-print]')) {
    button.hidden = false
    button.onclick = () => window.print()
  }
  for (const form of document.querySelectorAll('form[data-pay]')) form.onsubmit = pay
}

async function pay(event) {
  event.preventDefault()
  const form = event.currentTarget
  const button = form.querySelector('button')
  button.disabled = true
  button.setAttribute('aria-busy', 'true')
  try {
    const answer = await fetch(form.action, {
      method: 'POST',
      headers: { 'x-panel': '1' },
      body: new URLSearchParams(new FormData(form)),
      signal: AbortSignal.timeout(POST_DEADLINE_MS),
    })
    show(await answer.text(), true)
    const { redirect } = panel().dataset
    if (answer.ok && redirect) location.assign(redirect)
    else panel().querySelector('[aria-invalid]')?.focus()
  } catch {
    // The answer was lost, the request perhaps not: only the server knows, so ask it instead of sending again.
    location.reload()
  } finally {
    button.disabled = false
    button.removeAttribute('aria-busy')
  }
}

// Server-sent events; while they do not work (a proxy that buffers, a lost network) the page asks every few seconds.
let events
let polling
function follow() {
  events = new EventSource(`/pay/${id}/events${query}`)
  events.onmessage = ({ data }) => {
    clearInterval(polling)
    polling = undefined
    show(data)
  }
  events.onerror = () => {
    polling ??= setInterval(poll, POLL_MS)
  }
}
async function poll() {
  try {
    const answer = await fetch(`/pay/${id}/panel${query}`, { signal: AbortSignal.timeout(POLL_MS * 3) })
    if (answer.ok) show(await answer.text())
  } catch {
    // Offline: the next round asks again.
  }
}
function stop() {
  events?.close()
  clearInterval(polling)
  clearInterval(ticking)
}

const clock = document.querySelector('[data-expires]')
function tick() {
  const left = Math.max(0, Math.round((new Date(clock.dataset.expires) - Date.now()) / 1000))
  const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60]
  const shown = parts[0] > 0 ? parts : parts.slice(1)
  clock.textContent = shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
  clock.closest('[data-countdown]').hidden = left > 86_400
  clock.closest('[data-countdown]').classList.toggle('soon', left < 60)
}
let ticking
if (clock) {
  tick()
  ticking = setInterval(tick, 1000)
}
prepare()
const { status } = panel().dataset
if (status === 'open' || status === 'processing') follow()
