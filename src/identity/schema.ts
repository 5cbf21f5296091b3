import type { Schema } from '#platform/migrate'

export const identitySchema: Schema = { name: 'identity', folder: new URL('./migrations/', import.meta.url) }
