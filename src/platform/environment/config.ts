import type { Sources } from './config/sources.ts'
export { defaultText, renderEnvExample } from './config/example.ts'
export { loadConfig, type Loaded } from './config/load.ts'
export { platformConfig, type PlatformConfig } from './config/platform.ts'
export type { Sources } from './config/sources.ts'
export { defineConfig, parseSetting, setting } from './config/spec.ts'
export type { ConfigOf, ConfigSpec, Mode, Raw, Setting } from './config/spec.ts'

/** Returns the environment of this process and the `.env` file of the working directory. No other code reads them. */
export const processSources = (): Sources => ({ env: process.env, file: '.env' })
