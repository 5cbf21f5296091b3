export { settingCommands } from './settings/commands.ts'
export { openSettings, type SettingRow, type Settings, type SettingsDeps } from './settings/open.ts'
