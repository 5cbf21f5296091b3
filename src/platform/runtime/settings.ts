export { openSettings, type Settings } from './settings/open.ts'
