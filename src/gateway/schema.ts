import type { Schema } from '#platform/database/migrate'

export const gatewaySchema: Schema = { name: 'gateway', folder: new URL('./migrations/', import.meta.url) }
