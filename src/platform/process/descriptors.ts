import { readDescriptors } from '../base/descriptors.ts'

/** Descriptors beside the database pool: connections of clients and providers, files, and a reserve for a peak. */
const NEEDED = 512

/** Returns a line for the operator when the system allows fewer open files than the program needs under load. */
export function descriptorWarnings(
  { databasePoolMax }: { databasePoolMax: number },
  limit = readDescriptors()?.limit,
): readonly string[] {
  const needed = NEEDED + databasePoolMax
  return limit === undefined || limit >= needed
    ? []
    : [
        `This process may open only ${limit} files and connections, and needs ${needed} under load. Raise the limit: ulimit -n ${needed}, or LimitNOFILE= of systemd.`,
      ]
}
