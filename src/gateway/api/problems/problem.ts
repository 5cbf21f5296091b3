import type { Refusal } from '#platform/web/http'

/** One documented error of the API, with an example of its message. */
export interface Problem extends Refusal {
  /** Action that the caller can take. */
  readonly remedy: string
}
