import type { Schema } from '#platform/migrate'

export const gatewaySchema: Schema = { name: 'gateway', folder: new URL('./migrations/', import.meta.url) }
