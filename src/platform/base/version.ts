import { readFileSync } from 'node:fs'

interface Package {
  version: string
}

/** Version from package.json. */
export const packageVersion = (
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as Package
).version
