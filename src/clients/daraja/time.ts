/** East Africa Time is UTC+3 all year: Kenya has no daylight saving. */
const EAT_OFFSET_MS = 3 * 60 * 60 * 1000

/** Formats a time as `yyyyMMddHHmmss` in East Africa Time, for Daraja's timestamps. */
export const eatTimestamp = (at: Date): string =>
  new Date(at.getTime() + EAT_OFFSET_MS).toISOString().replaceAll(/\D/g, '').slice(0, 14)

/** Formats a time as `yyyy-MM-dd HH:mm:ss` in East Africa Time, for the range of Pull Transactions. */
export const eatTime = (at: Date): string =>
  new Date(at.getTime() + EAT_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ')

/** Parses `20260115120000` (text or number, East Africa Time). Returns undefined for anything else. */
export function parseEatTimestamp(stamp: string | number): Date | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/.exec(String(stamp))
  if (!match) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1)
  const at = new Date(`${[year, month, day].join('-')}T${[hour, minute, second].join(':')}+03:00`)
  return Number.isNaN(at.getTime()) ? undefined : at
}
