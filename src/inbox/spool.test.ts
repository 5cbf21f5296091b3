import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { createSetClock } from '#platform/base/clock'
import { identifyProcess } from '#platform/base/processes'
import { silentLog } from '#platform/observe/log'
import { createSpool, type Spool, type SpoolDeps } from './spool.ts'
import type { SpooledEvent } from './spool-records.ts'

const key = Buffer.alloc(32, 1)
const clock = createSetClock()
const PHONE = '254712345678'
const event = (eventKey: string, raw = `{"phone":"${PHONE}"}`): SpooledEvent => ({
  ...{ rail: 'mpesa', eventKey, raw: Buffer.from(raw), tokenSubject: `att_${eventKey}`, receivedAt: clock.now() },
})

class Away extends Error {
  readonly code = 'ECONNREFUSED'
}

const refusedRow = (): Error =>
  Object.assign(new pg.DatabaseError('invalid byte sequence', 0, 'error'), { code: '22021' })

/** A spool over a database that is away until `back`. */
function open(t: TestContext, options: Partial<SpoolDeps> & { folder?: string } = {}) {
  const folder = options.folder ?? join(mkdtempSync(join(tmpdir(), 'purser-spool-')), 'spool')
  const stored: SpooledEvent[] = []
  let away = true
  const insert = async (events: readonly SpooledEvent[]): Promise<void> => {
    if (away) throw new Away()
    if (events.some(({ eventKey }) => eventKey === 'refused')) throw refusedRow()
    stored.push(...events)
  }
  const spool = createSpool({ folder, key, clock, log: silentLog, insert, ...options })
  t.after(() => spool.stop())
  if (!options.folder) t.after(() => rmSync(join(folder, '..'), { recursive: true, force: true }))
  const names = (): string[] => readdirSync(folder).toSorted()
  const only = (): string => join(folder, names()[0] ?? assert.fail('no file'))
  const keys = (): string[] => stored.map(({ eventKey }) => eventKey)
  return { spool, folder, stored, keys, names, only, back: () => void (away = false), leave: () => void (away = true) }
}

const addAll = (spool: Spool, keys: readonly string[]): Promise<unknown> =>
  Promise.all(keys.map((name) => spool.add(event(name))))
/** Renames a file as if its owner had ended. */
const orphan = (path: string): string => {
  const dead = path.replace(identifyProcess('-'), '4194304-1')
  renameSync(path, dead)
  return dead
}

void test('events wait on disk, sealed and private, and reach the database once it is back, unchanged', async (t) => {
  const { spool, stored, keys, only, names, folder, back } = open(t)
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  await spool.add({ ...event('bytes'), raw: bytes, tokenSubject: null })
  await addAll(spool, ['a', 'b', 'c'])
  assert.equal(await spool.drain(), false)
  await addAll(spool, ['d'])
  clock.advance(5_000)
  assert.deepEqual(spool.state(), { events: 5, oldestSeconds: 5, unreadableFiles: 0 })
  for (const name of names()) {
    const path = join(folder, name)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.ok(!readFileSync(path).includes(PHONE) && !readFileSync(path).includes('att_'))
  }
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  back()
  assert.equal(await spool.drain(), true)
  assert.deepEqual(keys(), ['bytes', 'a', 'b', 'c', 'd'])
  assert.deepEqual([stored[0]?.raw, stored[0]?.tokenSubject], [bytes, null])
  assert.equal(stored[1]?.receivedAt.getTime(), clock.now().getTime() - 5_000)
  assert.deepEqual([names(), spool.state().events], [[], 0])
  await addAll(spool, ['later'])
  assert.ok(only())
})

void test('a repeated event takes no space', async (t) => {
  const { spool } = open(t)
  for (let i = 0; i < 5; i++) await spool.add(event('same'))
  assert.equal(spool.state().events, 1)
})

void test('beyond its number of events and its size the spool refuses with a time to wait, and keeps what it has', async (t) => {
  const few = open(t, { maxRecords: 2 })
  await addAll(few.spool, ['a', 'b'])
  const refusal = { code: 'unavailable', status: 503, retryAfterSeconds: 30 }
  await assert.rejects(few.spool.add(event('c')), refusal)
  few.back()
  await few.spool.drain()
  assert.deepEqual(few.keys(), ['a', 'b'])
  await few.spool.add(event('c'))
  const small = open(t, { maxBytes: 4_000 })
  await small.spool.add(event('a', 'x'.repeat(3_000)))
  await assert.rejects(small.spool.add(event('b', 'x'.repeat(3_000))), refusal)
  await small.spool.add(event('c', 'x'.repeat(100)))
})

void test(
  'the first event is acknowledged after its file, the folder and the entry of the folder are flushed',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async (t) => {
    await using any = await openFile('.')
    const handle = Object.getPrototypeOf(any) as typeof any
    const { sync } = handle
    const flushed: string[] = []
    // Records the call, and flushes.
    handle.sync = function () {
      flushed.push(readlinkSync(`/proc/self/fd/${this.fd}`))
      return sync.call(this)
    }
    t.after(() => (handle.sync = sync))
    const { spool, folder } = open(t)
    await spool.add(event('a'))
    assert.deepEqual(flushed, [folder, dirname(folder)])
  },
)

void test('a disk that refuses the write is answered with 503', async (t) => {
  const { folder } = open(t)
  writeFileSync(folder, 'a file where the folder should be')
  const { spool } = open(t, { folder })
  await assert.rejects(spool.add(event('a')), { code: 'unavailable', status: 503, retryAfterSeconds: 30 })
  assert.equal(spool.state().events, 0)
})

void test('a write that a full disk cut off leaves nothing behind the next event', async (t) => {
  const mount = mkdtempSync(join(tmpdir(), 'purser-small-'))
  t.after(() => {
    spawnSync('umount', ['--lazy', mount])
    rmSync(mount, { recursive: true, force: true })
  })
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]).status !== 0)
    return t.skip('this system mounts no small file system')
  const { spool, names, keys, back } = open(t, { folder: join(mount, 'spool') })
  await spool.add(event('a'))
  await assert.rejects(spool.add(event('b', 'x'.repeat(100_000))), { status: 503 })
  await spool.add(event('c'))
  back()
  assert.equal(await spool.drain(), true)
  assert.deepEqual([keys(), names(), spool.state().unreadableFiles], [['a', 'c'], [], 0])
})

void test('a torn end is ignored: its event was never acknowledged', async (t) => {
  for (const tear of [
    (path: string) => truncateSync(path, statSync(path).size - 7),
    (path: string) => appendFileSync(path, Buffer.from([0, 0])),
    (path: string) => appendFileSync(path, Buffer.alloc(5000)),
    (path: string) => appendFileSync(path, Buffer.alloc(600_000)),
    (path: string) => appendFileSync(path, Buffer.from([0, 0, 1, 0, 9, 9, 9])),
  ]) {
    const { spool, folder, only } = open(t)
    await addAll(spool, ['a', 'b'])
    tear(orphan(only()))
    const next = open(t, { folder })
    next.back()
    await next.spool.start()
    await next.spool.stop()
    assert.deepEqual(next.keys()[0], 'a')
    assert.deepEqual([next.names(), next.spool.state().unreadableFiles], [[], 0])
  }
})

void test('files of dead instances are taken over; those of living ones stay', async (t) => {
  const first = open(t)
  await addAll(first.spool, ['a', 'b'])
  const dead = orphan(first.only())
  const living = dead.replace('4194304-1', `${process.ppid}-${startOf(process.ppid)}`)
  writeFileSync(living, readFileSync(dead))
  const second = open(t, { folder: first.folder })
  second.back()
  await second.spool.start()
  await second.spool.stop()
  assert.deepEqual(second.keys(), ['a', 'b'])
  assert.deepEqual(second.names(), [living.split('/').at(-1)])
})

const startOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

void test('an instance whose file was taken over by mistake writes its next events to another file', async (t) => {
  const first = open(t)
  await addAll(first.spool, ['a'])
  const takeOver = async (): Promise<string[]> => {
    orphan(first.only())
    const other = open(t, { folder: first.folder })
    other.back()
    await other.spool.start()
    await other.spool.stop()
    return other.keys()
  }
  assert.deepEqual(await takeOver(), ['a'])
  await addAll(first.spool, ['b'])
  await first.spool.drain()
  assert.deepEqual(await takeOver(), ['b'], 'also a file that waits for the database')
  await addAll(first.spool, ['c'])
  first.back()
  assert.equal(await first.spool.drain(), true)
  assert.deepEqual([first.keys(), first.names()], [['c'], []])
})

void test('a file with damaged, moved, replayed or foreign records is kept aside after its readable events were stored', async (t) => {
  const prepare = async (change: (bytes: Buffer) => Buffer, fileKey = key) => {
    const { spool, only, folder } = open(t, { key: fileKey })
    await addAll(spool, ['a'])
    await addAll(spool, ['b'])
    const path = orphan(only())
    writeFileSync(path, change(readFileSync(path)))
    const next = open(t, { folder })
    next.back()
    await next.spool.start()
    await next.spool.stop()
    assert.equal(next.spool.state().unreadableFiles, 1)
    assert.match(next.names().join(), /^[\w-]+\.unreadable$/)
    assert.ok(readFileSync(next.only()).length > 0)
    return next.keys()
  }
  const HEADER = 24
  const swap = (bytes: Buffer): Buffer => {
    const middle = HEADER + 4 + bytes.readUInt32BE(HEADER)
    return Buffer.concat([bytes.subarray(0, HEADER), bytes.subarray(middle), bytes.subarray(HEADER, middle)])
  }
  const flip = (bytes: Buffer): Buffer => (bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60), bytes)
  const repeat = (bytes: Buffer): Buffer => Buffer.concat([bytes, bytes.subarray(HEADER)])
  const otherFile = (bytes: Buffer): Buffer => (bytes.writeUInt8(bytes.readUInt8(12) ^ 1, 12), bytes)
  /** Damages the length of the first (0) or the second (1) record. */
  const resize = (record: number, change: (length: number) => number) => (bytes: Buffer) => {
    const position = record === 0 ? HEADER : HEADER + 4 + bytes.readUInt32BE(HEADER)
    bytes.writeUInt32BE(change(bytes.readUInt32BE(position)), position)
    return bytes
  }
  const erase = (bytes: Buffer): Buffer => bytes.fill(0, HEADER, HEADER + 40)
  assert.deepEqual(await prepare(flip), ['b'])
  assert.deepEqual(await prepare(erase), ['b'])
  for (const record of [0, 1])
    for (const change of [
      () => 0,
      (length: number) => length - 1,
      (length: number) => length + 1,
      (length: number) => length + 65_536,
      (length: number) => length + 0x80000000,
    ])
      assert.deepEqual(
        await prepare(resize(record, change)),
        ['a', 'b'],
        `length of record ${record}: ${change(1000)} for 1000`,
      )
  assert.deepEqual(await prepare(swap), [])
  assert.deepEqual(await prepare(repeat), ['a', 'b'])
  assert.deepEqual(await prepare(otherFile), [])
  assert.deepEqual(await prepare((bytes) => Buffer.concat([Buffer.from('another '), bytes])), [])
  assert.deepEqual(await prepare((bytes) => bytes, Buffer.alloc(32, 2)), [], 'another master key')
})

void test('an event that the database refuses does not block the others', async (t) => {
  const { spool, keys, names, back } = open(t)
  await addAll(spool, ['a', 'refused', 'b'])
  back()
  assert.equal(await spool.drain(), true)
  assert.deepEqual(keys(), ['a', 'b'])
  assert.match(names().join(), /\.unreadable$/)
})

void test('a database that leaves again in the middle changes nothing: the file stays until all its events are stored', async (t) => {
  const { spool, keys, names, back, leave, stored, folder } = open(t)
  await addAll(
    spool,
    Array.from({ length: 100 }, (_, i) => `event ${i}`),
  )
  back()
  const push = stored.push.bind(stored)
  stored.push = (...events) => {
    if (stored.length + events.length >= 64) leave()
    return push(...events)
  }
  assert.equal(await spool.drain(), false)
  assert.equal(names().length, 1)
  back()
  stored.push = push
  assert.equal(await spool.drain(), true)
  assert.equal(new Set(keys()).size, 100)
  assert.deepEqual(names(), [])
  chmodSync(folder, 0o700)
})
