import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcp, type LookupFunction, type Socket } from 'node:net'
import { test } from 'node:test'
import { letTimePass } from '../../../../test/wait.ts'
import { createFetch, FetchError, type FetchDeps, type FetchFailure } from '../fetch.ts'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { isPublicAddress, publicOnly } from './addresses.ts'

function open(deps: Partial<FetchDeps> = {}) {
  const metrics = createMetrics({ defaults: false })
  const fetch = createFetch({ log: silentLog, metrics, mode: 'sandbox', ...deps })
  return { fetch, metrics, [Symbol.asyncDispose]: () => fetch.close() }
}

async function serve(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${portOf(server)}`, [Symbol.asyncDispose]: () => stop(server) }
}

/** A TCP server. The test decides what it does with each connection. */
async function serveTcp(onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createTcp((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dispose = (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    return stop(server)
  }
  return { url: `http://127.0.0.1:${portOf(server)}`, port: portOf(server), [Symbol.asyncDispose]: dispose }
}

const stop = (server: { close(done: () => void): unknown; closeAllConnections?(): void }): Promise<void> =>
  new Promise((resolve) => {
    server.close(resolve)
    server.closeAllConnections?.()
  })

function portOf(server: { address(): unknown }): number {
  return (server.address() as { port: number }).port
}

async function failureOf(call: Promise<unknown>): Promise<FetchError> {
  const error = await call.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof FetchError, String(error))
  return error
}

async function fails(call: Promise<unknown>, code: FetchFailure, maybeSent: boolean): Promise<void> {
  const error = await failureOf(call)
  assert.deepEqual({ code: error.code, maybeSent: error.maybeSent }, { code, maybeSent })
}

/** A fake DNS lookup. Returns the addresses of a name in order, one per query; the last one repeats. */
function names(entries: Record<string, string[][]>): LookupFunction {
  return (hostname, _, callback) => {
    const answers = entries[hostname]
    const addresses = answers && answers.length > 1 ? answers.shift() : answers?.[0]
    if (addresses)
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )
    else callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' }), '')
  }
}

void test('a call sends method, headers and body, and returns status, headers and body', async () => {
  await using server = await serve((request, response) => {
    request.on('data', (chunk: Buffer) => {
      response.writeHead(402, {
        'x-seen': [request.method, request.url, request.headers['x-key']].join(' '),
        'set-cookie': ['a=1', 'b=2'],
      })
      response.end(`{"body":"${chunk.toString()}"}`)
    })
  })
  await using client = open()
  const answer = await client.fetch({
    method: 'POST',
    url: `${server.url}/pay?x=1`,
    headers: { 'x-key': 'k' },
    body: 'hello',
    label: 'test.pay',
  })
  assert.equal(answer.status, 402)
  assert.equal(answer.headers['x-seen'], 'POST /pay?x=1 k')
  assert.equal(answer.headers['set-cookie'], 'a=1, b=2')
  assert.deepEqual(answer.json(), { body: 'hello' })
  const text = await client.metrics.registry.metrics()
  assert.match(text, /fetch_duration_seconds_count\{label="test\.pay",result="4xx"\} 1/)
  assert.doesNotMatch(text, /hello|\/pay/)
})

void test('a redirect is returned like any other response', async () => {
  let calls = 0
  await using server = await serve((_, response) => {
    calls++
    response.writeHead(302, { location: '/elsewhere' }).end()
  })
  await using client = open()
  const answer = await client.fetch({ url: `${server.url}/here`, label: 'test.redirect' })
  assert.deepEqual([answer.status, answer.headers['location'], calls], [302, '/elsewhere', 1])
})

void test('a request that was certainly not sent has maybeSent false', async () => {
  await using client = open({ lookup: names({}) })
  const closed = await serveTcp(() => undefined)
  await closed[Symbol.asyncDispose]()
  await fails(client.fetch({ url: closed.url, label: 'test.refused' }), 'fetch.unreachable', false)
  await fails(client.fetch({ url: 'http://nowhere.test/', label: 'test.unknown' }), 'fetch.unreachable', false)
  // TLS to a plain port: the handshake fails, so the request was never written.
  await using plain = await serve((_, response) => response.end())
  await fails(
    client.fetch({ url: plain.url.replace('http:', 'https:'), label: 'test.tls' }),
    'fetch.unreachable',
    false,
  )
  // The handshake never ends.
  await using mute = await serveTcp(() => undefined)
  await fails(
    client.fetch({ url: `https://127.0.0.1:${mute.port}/`, deadlineMs: 80, label: 'test.mute' }),
    'fetch.timeout',
    false,
  )
})

void test('a request that may have been sent has maybeSent true and is not resent', async () => {
  await using client = open()
  const heard: string[] = []
  const peers: Record<string, (socket: Socket) => void> = {
    'cut at once': (socket) => void socket.once('data', () => socket.resetAndDestroy()),
    'cut in the head': (socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-le')),
    'cut in the body': (socket) =>
      void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')),
    'not HTTP': (socket) => void socket.once('data', () => socket.end('220 mail.example ESMTP\r\n')),
  }
  for (const [name, behave] of Object.entries(peers)) {
    await using server = await serveTcp((socket) => {
      socket.on('data', () => void heard.push(name))
      behave(socket)
    })
    for (const method of ['POST', 'GET'] as const)
      await fails(
        client.fetch({ method, url: server.url, body: method === 'POST' ? 'x' : '', label: 'test.cut' }),
        'fetch.cut',
        true,
      )
  }
  const expected = Object.keys(peers).flatMap((name) => [name, name])
  assert.deepEqual(heard, expected)
})

void test('a request on a kept-alive connection that closes on reuse has maybeSent true', async () => {
  let requests = 0
  await using server = await serveTcp((socket) => {
    socket.on('data', () => {
      requests++
      // Respond to the first request of a connection and close it on the second.
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok')
      else socket.destroy()
    })
  })
  await using client = open()
  assert.equal((await client.fetch({ method: 'POST', url: server.url, body: 'a', label: 'test.reuse' })).text(), 'ok')
  await fails(client.fetch({ method: 'POST', url: server.url, body: 'b', label: 'test.reuse' }), 'fetch.cut', true)
  assert.equal(requests, 2)
})

void test('the deadline covers the response to its last byte', async () => {
  await using server = await serve((request, response) => {
    if (request.url === '/silent') return
    response.writeHead(200)
    response.write('partial')
  })
  await using client = open()
  for (const path of ['/silent', '/endless'])
    await fails(client.fetch({ url: server.url + path, deadlineMs: 100, label: 'test.slow' }), 'fetch.timeout', true)
})

void test('a response larger than the limit is refused', async () => {
  await using server = await serve((request, response) => {
    if (request.url === '/known') response.end('x'.repeat(2000))
    else for (let i = 0; i < 20; i++) response.write('x'.repeat(100))
    response.end()
  })
  await using client = open()
  for (const path of ['/known', '/streamed'])
    await fails(client.fetch({ url: server.url + path, maxBytes: 1999, label: 'test.large' }), 'fetch.too-large', true)
  assert.equal(
    (await client.fetch({ url: `${server.url}/known`, maxBytes: 2000, label: 'test.fits' })).body.length,
    2000,
  )
})

void test('error messages contain label and origin, and nothing secret', async () => {
  await using server = await serve((_, response) => response.end('not s3cret JSON'))
  await using client = open()
  const url = `${server.url}/s3cret?key=s3cret`
  const answer = await client.fetch({ url, headers: { authorization: 's3cret' }, label: 'test.secret' })
  assert.throws(
    () => answer.json(),
    (error: FetchError) => {
      assert.equal(error.code, 'fetch.bad-json')
      assert.match(error.message, /test\.secret.*http:\/\/127\.0\.0\.1/)
      assert.doesNotMatch(`${error.message}${error.stack ?? ''}${String(error.cause)}`, /s3cret/)
      return true
    },
  )
})

void test('only unicast addresses of the public internet are public', () => {
  const isPrivate = (
    '127.0.0.1 127.255.0.9 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.9.9 192.168.1.1 169.254.169.254 100.64.0.1 100.127.255.254 ' +
    '192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 192.88.99.1 ' +
    ':: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:7f00:1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 2002:7f00:1:: ' +
    '2001::1 2001:db8::1 3fff::1 fe80::1 fec0::1 fc00::1 fd12:3456::1 ff02::1 100::1 5f00::1 nonsense 1.2.3.4.5'
  ).split(' ')
  assert.deepEqual(isPrivate.filter(isPublicAddress), [])
  const isOpen =
    '8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 196.201.214.200 2606:4700::1111 2a00:1450:4009:80b::200e ::ffff:8.8.8.8'.split(
      ' ',
    )
  assert.deepEqual(
    isOpen.filter((address) => !isPublicAddress(address)),
    [],
  )
})

void test('untrusted URLs to private addresses are refused in every notation', async () => {
  let reached = 0
  await using server = await serve((_, response) => {
    reached++
    response.end('ok')
  })
  const port = new URL(server.url).port
  await using client = open({
    lookup: names({
      'inside.test': [['127.0.0.1']],
      'mixed.test': [['8.8.8.8', '127.0.0.1']],
      'mapped.test': [['::ffff:127.0.0.1']],
    }),
  })
  const hosts = [
    '127.0.0.1',
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    '127.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '0',
    '[::]',
  ]
  for (const host of [...hosts, 'inside.test', 'mixed.test', 'mapped.test'])
    await fails(
      client.fetch.untrusted({ url: `http://${host}:${port}/`, label: 'test.inside' }),
      'fetch.forbidden-address',
      false,
    )
  for (const url of [
    'ftp://example.com/',
    'file:///etc/passwd',
    'http://user:pw@example.com/',
    'http://example.com:22/',
    'nonsense',
    '',
  ])
    await fails(client.fetch.untrusted({ url, label: 'test.inside' }), 'fetch.forbidden-address', false)
  assert.equal(reached, 0)
})

void test('a host name is checked at each connect, so that DNS rebinding fails', async () => {
  const resolve = publicOnly(names({ 'turning.test': [['8.8.8.8'], ['127.0.0.1']] }))
  const ask = (): Promise<unknown> =>
    new Promise((done) => {
      resolve('turning.test', { all: true }, (error, found) => done(error ?? found))
    })
  assert.deepEqual(await ask(), [{ address: '8.8.8.8', family: 4 }])
  const second = await ask()
  assert.ok(second instanceof FetchError && second.code === 'fetch.forbidden-address')
})

void test('an exempt origin may have any address, and only that exact origin', async () => {
  await using server = await serve((_, response) => response.end('ok'))
  await using client = open({ allowOrigins: [server.url] })
  assert.equal((await client.fetch.untrusted({ url: `${server.url}/hook`, label: 'test.exempt' })).text(), 'ok')
  const other = server.url.replace('127.0.0.1', 'localhost')
  await fails(client.fetch.untrusted({ url: other, label: 'test.exempt' }), 'fetch.forbidden-address', false)
})

void test('live mode refuses http URLs', async () => {
  await using client = open({ mode: 'live', lookup: names({ 'shop.test': [['127.0.0.1']] }) })
  const plain = await failureOf(client.fetch.untrusted({ url: 'http://shop.test/', label: 'test.live' }))
  assert.match(plain.message, /https:/)
  // https passes that rule; now the address is refused.
  const secure = await failureOf(client.fetch.untrusted({ url: 'https://shop.test/', label: 'test.live' }))
  assert.match(secure.message, /shop\.test resolves to a private/)
})

void test('truncateBody cuts a response at its size limit or deadline', async () => {
  const size = 4 * 1024 * 1024
  await using server = await serve((request, response) => {
    response.writeHead(request.url === '/bad' ? 500 : 200, request.url === '/known' ? { 'content-length': size } : {})
    response.write('a'.repeat(1000))
    if (request.url !== '/drips') response.end('b'.repeat(size - 1000))
  })
  await using client = open()
  const cut = { truncateBody: true, maxBytes: 2000, label: 'test.cut' }
  for (const [path, status] of [
    ['/known', 200],
    ['/unknown', 200],
    ['/bad', 500],
  ] as const) {
    const answer = await client.fetch({ url: server.url + path, ...cut })
    assert.deepEqual([answer.status, answer.text()], [status, 'a'.repeat(1000) + 'b'.repeat(1000)], path)
  }
  const drips = await client.fetch({ url: `${server.url}/drips`, ...cut, deadlineMs: 200 })
  assert.deepEqual([drips.status, drips.text()], [200, 'a'.repeat(1000)])
  await fails(client.fetch({ url: `${server.url}/known`, ...cut, truncateBody: false }), 'fetch.too-large', true)
  await using silent = await serve(() => undefined)
  await fails(client.fetch({ url: silent.url, ...cut, deadlineMs: 100 }), 'fetch.timeout', true)
})

void test('untrusted URLs may use loopback only where allowed, and no other private address', async () => {
  await using server = await serve((_, response) => void response.end('here'))
  const { port } = new URL(server.url)
  await using strict = open()
  await using sandbox = open({ allowLoopback: true, lookup: names({ 'inside.test': [['127.0.0.1']] }) })
  const url = (host: string): string => `http://${host}:${port}/`
  const call = (client: typeof strict, host: string) => client.fetch.untrusted({ url: url(host), label: 'test.hook' })
  await fails(call(strict, '127.0.0.1'), 'fetch.forbidden-address', false)
  assert.equal((await call(sandbox, '127.0.0.1')).text(), 'here')
  for (const host of ['10.0.0.1', '169.254.169.254', '[fd00::1]', 'u:p@127.0.0.1', 'inside.test'])
    await fails(call(sandbox, host), 'fetch.forbidden-address', false)
  assert.equal(sandbox.fetch.refusalOf(url('[::1]')), undefined)
  assert.equal(sandbox.fetch.refusalOf(url('localhost')), undefined)
  assert.equal(sandbox.fetch.refusalOf('https://shop.example/'), undefined)
  assert.match(strict.fetch.refusalOf(url('[::1]')) ?? '', /private or local/)
  assert.match(strict.fetch.refusalOf('nonsense') ?? '', /not a valid URL/)
})

test('a process that was stopped past the deadline still reads its answer', async () => {
  const arrived = Promise.withResolvers<() => void>()
  await using server = await serve((_, response) => arrived.resolve(() => response.end('late')))
  const path = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href)
  const program = `
    import { createFetch } from ${path('../fetch.ts')}
    import { silentLog } from ${path('../../observe/log.ts')}
    import { createMetrics } from ${path('../../observe/metrics.ts')}
    const fetch = createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'sandbox' })
    const call = fetch({ url: ${JSON.stringify(server.url)}, deadlineMs: 4_500, label: 'trial' })
    console.log(await call.then((answer) => answer.text(), (error) => error.code))
    process.exit()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const answer = await arrived.promise
  child.kill('SIGSTOP')
  await letTimePass(5_500)
  child.kill('SIGCONT')
  // An answer right after the stop would be read before the timers run.
  await letTimePass(300)
  answer()
  await once(child, 'close')
  assert.equal(said, 'late\n')
})
