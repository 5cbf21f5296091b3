import { setTimeout as delay } from 'node:timers/promises'

/** Lets time pass. Only where the time itself is under test: a process that is frozen, or a server that is away, for so long. */
export const letTimePass = (ms: number): Promise<void> => delay(ms)

/** Polls until `probe` returns a value other than undefined or false, and returns it. Throws with `what` after the deadline. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 15_000,
): Promise<T> {
  const until = performance.now() + deadlineMs
  for (;;) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    if (performance.now() > until) throw new Error(`Waited ${deadlineMs} ms for: ${what}`)
    await delay(20)
  }
}
