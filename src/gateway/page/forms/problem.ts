import type { Speech } from '../../strings/strings.ts'

export interface Problem {
  readonly status: number
  readonly text: string
  readonly field?: 'phone'
}

export const tooManyRequests = (speech: Speech, seconds: number): Problem => ({
  status: 429,
  text: speech.say('tooMany', { minutes: speech.say('minutes', { n: String(Math.max(1, Math.ceil(seconds / 60))) }) }),
})
