export { settingCommands } from './settings/commands.ts'
export { openSettings, type Settings } from './settings/open.ts'
