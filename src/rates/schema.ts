import type { Schema } from '#platform/database/migrate'

export const ratesSchema: Schema = { name: 'rates', folder: new URL('./migrations/', import.meta.url) }
