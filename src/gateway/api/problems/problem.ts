import type { Refusal } from '#platform/web/http'

/** An error of the API in the words of its documentation. */
export interface Problem extends Refusal {
  /** What the caller does about it. */
  readonly remedy: string
}
