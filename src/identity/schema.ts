import type { Schema } from '#platform/database/migrate'

export const identitySchema: Schema = { name: 'identity', folder: new URL('./migrations/', import.meta.url) }
