import type { Schema } from '#platform/database/migrate'

export const webhooksSchema: Schema = { name: 'webhooks', folder: new URL('./migrations/', import.meta.url) }
