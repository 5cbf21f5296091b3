import type { Schema } from './migrate.ts'

export const platformSchema: Schema = { name: 'platform', folder: new URL('./migrations/', import.meta.url) }
