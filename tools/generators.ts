/** A file that is written by a program and committed; `npm run check` fails when it is stale. */
export interface Generator {
  /** From the root of the repository. */
  path: string
  make(): string | Promise<string>
}

export const GENERATORS: readonly Generator[] = []
