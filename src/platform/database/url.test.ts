import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { scramVerifier } from './scram.ts'
import { parseDatabaseUrl, postgresUrl, withLogin } from './url.ts'

const parse = (url: string) => parseDatabaseUrl('DATABASE_URL', url)
const [plain] = parse('postgres://a%40b:p%3Aw@[::1]:5433/d%20b?statement_timeout=1&application_name=x')

void test('a URL becomes connection parameters; settings that Purser makes itself are ignored', () => {
  assert.deepEqual(plain, {
    ...{ user: 'a@b', password: 'p:w', host: '::1', port: 5433, database: 'd b', ssl: false, tlsParameters: '' },
  })
  const [socket] = parse('postgres://shop@localhost/purser?host=%2Frun%2Fpg&user=other')
  assert.deepEqual([socket?.host, socket?.user], ['/run/pg', 'other'])
})

void test('sslmode has the meaning of libpq', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'purser-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, 'PEM')
  const ssl = (query: string): unknown => parse(`postgres://h/d?${query}`).map((one) => one.ssl)
  assert.deepEqual(ssl('sslmode=disable'), [false])
  assert.deepEqual(ssl('sslmode=require'), [{ rejectUnauthorized: false }])
  assert.deepEqual(ssl('sslmode=prefer'), [{ rejectUnauthorized: false }, false])
  assert.deepEqual(ssl('sslmode=allow'), [false, { rejectUnauthorized: false }])
  assert.deepEqual(ssl('sslmode=verify-full'), [{}])
  assert.deepEqual(ssl(`sslmode=verify-full&sslrootcert=${ca}`), [{ ca: 'PEM' }])
  const [chain] = parse(`postgres://h/d?sslmode=require&sslrootcert=${ca}`)
  assert.ok(
    typeof chain?.ssl === 'object' && chain.ssl.rejectUnauthorized === undefined && chain.ssl.checkServerIdentity,
  )
  assert.throws(() => ssl('sslmode=verify-ca'), /sslrootcert/)
  assert.throws(() => ssl('sslmode=verify-full&sslrootcert=/no/such'), {
    code: 'platform.bad-config',
    message: /cannot be read/,
  })
})

void test('another login keeps address, TLS and options, but not the role in the options', () => {
  const [given] = parse('postgres://shop:old@h:1/d?sslmode=require&options=-c%20role%3Downer%20-c%20work_mem%3D8MB')
  assert.ok(given)
  const login = withLogin(given, { user: 'app', password: 'n/w' })
  assert.deepEqual([login.user, login.password, login.options], ['app', 'n/w', '-c work_mem=8MB'])
  const url = postgresUrl(login)
  assert.equal(url, 'postgresql://app:n%2Fw@h:1/d?sslmode=require&options=-c%20work_mem%3D8MB')
  assert.deepEqual(parse(url), [login])
  const client = new pg.Client({ connectionString: postgresUrl(plain ?? {}) })
  assert.deepEqual([client.user, client.host, client.port, client.database], ['a@b', '::1', 5433, 'd b'])
})

void test('a SCRAM verifier has the value of RFC 7677', () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  assert.equal(
    scramVerifier('pencil', salt),
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})
