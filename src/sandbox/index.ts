export { createSandbox, sandboxSchema, type SandboxDeps } from './sandbox.ts'
export { sandboxCredentials } from './credentials.ts'
export { actsByItself } from './phone/phones.ts'
