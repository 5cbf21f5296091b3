import type { Tx } from '#platform/database/db'
import type { Prompt } from './store.ts'

/** What a mobile money network adds to a prompt on a phone. */
export interface Network {
  /** As the prompts are kept by: `mpesa`. */
  readonly name: string
  /** What the phone shows: `M-PESA`. */
  readonly title: string
  /** A number that people see, of a payment. */
  receiptNumber(): string
  /** The kind of timer that delivers its callbacks. */
  readonly callbackKind: string
  callbackBody(prompt: Prompt): string
  /** Where the network tells what became of a prompt. */
  callbackUrls(tx: Tx, prompt: Prompt): Promise<readonly string[]>
}
