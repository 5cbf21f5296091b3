// Refreshes the phone, copies numbers and counts down seconds. The page also works without it.
const live = document.querySelector('#live')
const status = () => live.querySelector('[data-seconds]')

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false
  button.onclick = () => void copy(button)
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy)
  button.textContent = 'Copied'
  setTimeout(() => void (button.textContent = 'Copy'), 1500)
}

let shownHtml = live.innerHTML
let busy = false

async function refresh() {
  if (document.hidden || busy) return
  busy = true
  try {
    const answer = await fetch(`/sandbox/live?phone=${encodeURIComponent(live.dataset.phone)}`)
    if (answer.ok) show(await answer.text(), answer.headers.get('x-phone'))
  } catch {
    // The server is briefly unreachable. The next poll tries again.
  } finally {
    busy = false
  }
}

function show(text, phone) {
  // Ignore the clock and countdown, which change every second, so that they do not replace the HTML.
  const withoutTimes = (html) => html.replaceAll(/data-seconds="\d+">\d+ s|\d\d:\d\d</g, '')
  if (withoutTimes(text) === withoutTimes(shownHtml)) return
  shownHtml = text
  const label = document.activeElement?.closest('#live') ? document.activeElement.className : undefined
  live.innerHTML = text
  live.dataset.phone = phone ?? ''
  if (label) live.querySelector(`.${label}`)?.focus()
}

// Post the button's action without leaving the page.
live.addEventListener('submit', (event) => {
  event.preventDefault()
  void act(event)
})

async function act(event) {
  const { submitter, target } = event
  for (const button of target.querySelectorAll('button')) button.disabled = true
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ prompt: target.dataset.prompt })
  await fetch(submitter.getAttribute('formaction'), { method: 'POST', headers, body }).catch(() => undefined)
  await refresh()
}

setInterval(() => void refresh(), 1000)
setInterval(() => {
  const clock = status()
  if (!clock) return
  clock.dataset.seconds = String(Math.max(0, Number(clock.dataset.seconds) - 1))
  clock.textContent = `${clock.dataset.seconds} s`
}, 1000)
