// Loaded before each test file. A file that leaves a server, a timer or a child open would hang the run, so it fails.
import { after } from 'node:test'

const GRACE_MS = 3_000

after(() => {
  const end = (): void => {
    const open = process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap')
    console.error(`did not end ${GRACE_MS / 1000} s after its last test; still open: ${open.join(', ')}`)
    process.exit(1)
  }
  setTimeout(end, GRACE_MS).unref()
})
