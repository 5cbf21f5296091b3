export { createSandbox, sandboxSchema, type SandboxDeps } from './sandbox.ts'
export { sandboxCredentials } from './settings.ts'
export { actsByItself } from './phone/phones.ts'
