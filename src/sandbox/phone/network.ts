import type { Tx } from '#platform/database/db'
import type { Prompt } from './store.ts'

/** Parts of a prompt that depend on the mobile money network. */
export interface Network {
  /** Name as stored with the prompts: `mpesa`. */
  readonly name: string
  /** Title on the phone: `M-PESA`. */
  readonly title: string
  /** Creates the receipt number that people see. */
  receiptNumber(): string
  /** Kind of timer that delivers its callbacks. */
  readonly callbackKind: string
  callbackBody(prompt: Prompt): string
  /** Returns the URLs that receive the result of a prompt. */
  callbackUrls(tx: Tx, prompt: Prompt): Promise<readonly string[]>
}
