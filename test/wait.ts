import { setTimeout as delay } from 'node:timers/promises'

/** Waits until `look` gives something other than undefined or false, and returns it. Fails loudly with `what` after the deadline. */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 15_000,
): Promise<T> {
  const until = performance.now() + deadlineMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > until) throw new Error(`Waited ${deadlineMs} ms in vain for: ${what}`)
    await delay(20)
  }
}
