import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { openTcpProxy } from './tcp-proxy.ts'

const EXCHANGE_MS = 100

/** Opens a server that echoes, and a proxy before it. */
async function open() {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const proxy = await openTcpProxy({ port })
  const dispose = async (): Promise<void> => {
    await proxy[Symbol.asyncDispose]()
    server.close()
  }
  return { proxy, [Symbol.asyncDispose]: dispose }
}

const say = async (socket: Socket, text: string): Promise<string> => {
  socket.write(text)
  const signal = AbortSignal.timeout(EXCHANGE_MS)
  return once(socket, 'data', { signal }).then(
    ([chunk]) => String(chunk),
    () => 'silence',
  )
}

void test('a frozen connection stays open and silent until it is thawed', async () => {
  await using t = await open()
  const socket = connect(t.proxy.port, '127.0.0.1')
  assert.equal(await say(socket, 'one'), 'one')
  t.proxy.freeze()
  assert.equal(await say(socket, 'two'), 'silence')
  assert.equal(socket.destroyed, false)
  const late = once(socket, 'data')
  t.proxy.thaw()
  assert.equal(String(await late), 'two')
  socket.destroy()
})

void test('a trap holds back exactly the answer that it names', async () => {
  await using t = await open()
  const socket = connect(t.proxy.port, '127.0.0.1')
  const sprung = t.proxy.freezeOn((text) => text.includes('COMMIT'))
  assert.equal(await say(socket, 'BEGIN'), 'BEGIN')
  assert.equal(await say(socket, 'COMMIT'), 'silence')
  await sprung
  socket.destroy()
})

void test('a cut closes connections, and a refusing proxy accepts none', async () => {
  await using t = await open()
  const socket = connect(t.proxy.port, '127.0.0.1')
  assert.equal(await say(socket, 'one'), 'one')
  const ended = once(socket, 'close')
  t.proxy.cut()
  await ended
  t.proxy.refuse()
  const refused = connect(t.proxy.port, '127.0.0.1')
  await once(refused, 'close')
  t.proxy.accept()
  const again = connect(t.proxy.port, '127.0.0.1')
  assert.equal(await say(again, 'two'), 'two')
  again.destroy()
})
