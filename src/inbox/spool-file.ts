import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findProcessStart, identifyProcess } from '#platform/base/processes'
import { createHeader, HEADER_BYTES, isHeader, readPart, sealRecord, type SpooledEvent } from './spool-records.ts'

const EXTENSION = '.spool'
/** Extension of files with records that cannot be read or stored. Purser never deletes them, and reads them again after a rename. */
const ASIDE = '.unreadable'

/** Returns a new file name. It names this process by id and start time, so that others know whether its owner lives. */
const newName = (): string => `${identifyProcess('-')}-${randomBytes(6).toString('hex')}${EXTENSION}`

const isDead = (name: string): boolean => {
  const [pid, start] = name.split('-')
  return findProcessStart(Number(pid)) !== start
}

const isMine = (name: string): boolean => name.startsWith(`${identifyProcess('-')}-`)

/** A spool file that this process appends to. */
export interface SpoolWriter {
  readonly path: string
  readonly bytes: number
  readonly records: number
  /** Time of the oldest event. */
  readonly oldestAt: Date | undefined
  /** Appends events and resolves when they are on disk. Throws `moved` when another process took the file over. */
  append(events: readonly SpooledEvent[]): Promise<void>
  close(): Promise<void>
}

/** Thrown by `append` when the file is not at its path any more. What was appended may not be read by anyone. */
export class FileMoved extends Error {}

/** Creates an empty file of this process, readable by its owner only. */
export async function createSpoolFile(folder: string, key: Buffer): Promise<SpoolWriter> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, newName())
  const file = await open(path, 'wx', 0o600)
  const header = createHeader()
  try {
    await file.write(header)
    await file.datasync()
    await syncFolder(folder)
    // The folder may be new, and its entry must survive a power cut too.
    await syncFolder(dirname(folder))
  } catch (error) {
    await file.close()
    await rm(path, { force: true })
    throw error
  }
  const { ino } = await file.stat()
  return createWriter({ path, file, header, key, ino })
}

interface Opened {
  readonly path: string
  readonly file: FileHandle
  readonly header: Buffer
  readonly key: Buffer
  readonly ino: number
}

function createWriter({ path, file, header, key, ino }: Opened): SpoolWriter {
  let [bytes, records] = [HEADER_BYTES, 0]
  let oldestAt: Date | undefined
  return {
    path,
    get bytes() {
      return bytes
    },
    get records() {
      return records
    },
    get oldestAt() {
      return oldestAt
    },
    append: async (events) => {
      let end = bytes
      const sealed = events.map((event) => {
        const record = sealRecord(key, header, end, event)
        end += record.length
        return record
      })
      const whole = Buffer.concat(sealed)
      try {
        for (let written = 0; written < whole.length;)
          written += (await file.write(whole, written, whole.length - written, bytes + written)).bytesWritten
        await file.datasync()
      } catch (error) {
        // The next write may be shorter. The rest of this one would stand behind it and count as damage.
        await file.truncate(bytes).catch(() => undefined)
        throw error
      }
      // A process in another container may take this one for dead. What it takes over it reads to the end after the rename, so a record
      // written before the rename is safe, and a record written after it is written again.
      const there = await stat(path).catch(() => undefined)
      if (there?.ino !== ino) throw new FileMoved()
      bytes = end
      records += events.length
      oldestAt ??= events[0]?.receivedAt
    },
    close: () => file.close(),
  }
}

/** Takes over the files of processes that have ended, and files of this process that `known` does not list. Returns their new paths. */
export async function takeOver(folder: string, known: ReadonlySet<string>): Promise<string[]> {
  const taken: string[] = []
  for (const name of await listFolder(folder)) {
    const path = join(folder, name)
    if (!name.endsWith(EXTENSION) || known.has(path) || (!isDead(name) && !isMine(name))) continue
    const mine = join(folder, newName())
    // The rename succeeds for one of the processes that try.
    const isTaken = await rename(path, mine).then(
      () => true,
      () => false,
    )
    if (isTaken) taken.push(mine)
  }
  return taken
}

/** Returns the number of files that were set aside. */
export const countAside = async (folder: string): Promise<number> =>
  (await listFolder(folder)).filter((name) => name.endsWith(ASIDE)).length

export const setAside = (path: string): Promise<void> => rename(path, path.slice(0, -EXTENSION.length) + ASIDE)

export const removeFile = (path: string): Promise<void> => rm(path, { force: true })

export interface Contents {
  readonly events: readonly SpooledEvent[]
  readonly bytes: number
  /** Damaged parts, and parts that need another key. A file with such a part must not be removed. */
  readonly unreadable: number
}

const NOTHING: Contents = { events: [], bytes: 0, unreadable: 0 }

/**
 * Reads a file. A torn end is ignored: its events were never acknowledged. A missing file was taken over by another process, which
 * stores its events.
 */
export async function readSpoolFile(path: string, key: Buffer): Promise<Contents> {
  const file = await readFile(path).catch(ignoreMissing)
  if (!file) return NOTHING
  const bytes = file.length
  // The header is on disk before the first event, so a shorter file holds none.
  if (bytes < HEADER_BYTES) return NOTHING
  if (!isHeader(file.subarray(0, HEADER_BYTES))) return { events: [], bytes, unreadable: 1 }
  const events: SpooledEvent[] = []
  let unreadable = 0
  for (let position = HEADER_BYTES; ;) {
    const part = readPart(key, file, position)
    if (!part || part.kind === 'torn') return { events, bytes, unreadable }
    if (part.event) events.push(part.event)
    if (part.kind === 'damaged') unreadable++
    position = part.end
  }
}

const listFolder = async (folder: string): Promise<string[]> => (await readdir(folder).catch(ignoreMissing)) ?? []

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** Flushes a folder, so that a new entry survives a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
