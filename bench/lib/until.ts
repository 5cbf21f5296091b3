const LIMIT_MS = 60_000
const EVERY_MS = 2

/** Waits for the condition. Throws after a minute, so that a benchmark ends when its program hangs. `goal` describes the condition. */
export async function until(isMet: () => boolean | Promise<boolean>, goal: string): Promise<void> {
  const began = performance.now()
  while (!(await isMet())) {
    if (performance.now() - began > LIMIT_MS) throw new Error(`waited ${LIMIT_MS / 1000} s: ${goal}`)
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
  }
}
