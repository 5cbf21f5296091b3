import { isIP } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { isLoopback } from '../../base/loopback.ts'
import { defineConfig, setting, type ConfigOf } from './spec.ts'

const count = (min: number, max: number) =>
  z.coerce.number(`a whole number from ${min} to ${max}`).int(`a whole number from ${min} to ${max}`).min(min).max(max)

const httpUrl = z
  .url({ protocol: /^https?$/, error: 'a URL that starts with https:// or http://' })
  .transform(withoutSlash)

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

const named = ['loopback', 'linklocal', 'uniquelocal']
const isNetwork = (text: string): boolean => named.includes(text) || isIP(text.replace(/\/\d{1,3}$/, '')) !== 0

/** `false`, a number of proxies in front, or their addresses: what Fastify takes as `trustProxy`. */
const trustProxy = z
  .string()
  .refine(
    (text) => text === 'none' || /^\d$/.test(text) || text.split(',').every((part) => isNetwork(part.trim())),
    'none, the number of proxies in front (1 to 9), or their addresses: 10.0.0.0/8,loopback',
  )
  .transform((text) => {
    if (text === 'none' || text === '0') return false
    return /^\d$/.test(text) ? Number.parseInt(text, 10) : text.split(',').map((part) => part.trim())
  })
  .default(false)

/** Of the 60 connections of the embedded server; the rest is for jobs, commands and what PostgreSQL keeps back. */
const EMBEDDED_MOST = 40

/** Why payers would not reach a live desk by https. One that only this machine reaches needs none. */
function whyUnsafe({
  publicUrl,
  host,
}: {
  publicUrl: string | undefined
  host: string | undefined
}): string | undefined {
  if (publicUrl === undefined) {
    return host !== undefined && isLoopback(host)
      ? undefined
      : 'PUBLIC_URL is not set with PURSER_MODE=live: set it to the https:// address that payers and providers reach'
  }
  const { protocol, hostname } = new URL(publicUrl)
  return protocol === 'https:' || isLoopback(hostname)
    ? undefined
    : `PUBLIC_URL=${publicUrl} is not safe with PURSER_MODE=live: it must start with https://`
}

const timeZone = z.string().refine((name) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}, 'a time zone such as Africa/Nairobi')

export const platformConfig = defineConfig(
  'platform',
  {
    mode: setting('PURSER_MODE', z.enum(['sandbox', 'test', 'live'], 'sandbox, test or live').default('sandbox'), {
      doc: 'sandbox (every provider simulated), test (the providers’ test environments) or live (real money). Fixed by the first start on a database.',
    }),
    port: setting('PORT', count(0, 65_535).default(3000), { doc: 'Port of the web server; 0 takes a free one.' }),
    host: setting('HOST', z.string().min(1).optional(), {
      doc: 'Address to listen on. Default: 127.0.0.1 in the sandbox, 0.0.0.0 otherwise.',
      example: '127.0.0.1',
    }),
    publicUrl: setting('PUBLIC_URL', httpUrl.optional(), {
      doc: 'What checkout links and callback URLs start with; https:// in live mode. Default: the address that the server listens on.',
      example: 'https://pay.example.com',
    }),
    dataDir: setting('DATA_DIR', z.string().min(1).default('./data'), {
      doc: 'Folder of the embedded database, the master key and the logs.',
    }),
    databaseUrl: setting(
      'DATABASE_URL',
      z.url({ protocol: /^postgres(ql)?$/, error: 'a URL that starts with postgres://' }).optional(),
      {
        doc: 'PostgreSQL 15 or later. Default: an embedded PostgreSQL in DATA_DIR.',
        secret: true,
        example: 'postgres://purser:password@localhost:5432/purser',
      },
    ),
    databasePoolMax: setting('DATABASE_POOL_MAX', count(2, 500).default(10), {
      doc: 'Database connections of one process, at most.',
    }),
    databasePoolMin: setting('DATABASE_POOL_MIN', count(0, 500).default(0), {
      doc: 'Database connections kept open when idle.',
    }),
    databasePoolIdleMs: setting('DATABASE_POOL_IDLE_MS', count(1000, 3_600_000).default(60_000), {
      doc: 'Milliseconds after which an idle connection beyond those is closed.',
    }),
    redisUrl: setting(
      'REDIS_URL',
      z.url({ protocol: /^rediss?$/, error: 'a URL that starts with redis:// or rediss://' }).optional(),
      {
        doc: 'Redis or Valkey that several web instances share for rate limits. Default: in the process.',
        secret: true,
        example: 'redis://localhost:6379',
      },
    ),
    logDir: setting('LOG_DIR', z.string().min(1).optional(), {
      doc: 'Folder of combined.log and error.log. Default: logs in DATA_DIR.',
      aliases: ['LOGS_DIR'],
      example: './data/logs',
    }),
    logLevel: setting(
      'LOG_LEVEL',
      z
        .string()
        .toLowerCase()
        .pipe(z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']))
        .default('info'),
      {
        doc: 'error, warn, info or debug.',
      },
    ),
    sandboxKey: setting(
      'PURSER_SANDBOX_KEY',
      z
        .string()
        .regex(/^sk_test_[A-Za-z0-9_-]{1,200}$/, 'sk_test_ and letters, digits, - or _')
        .optional(),
      {
        doc: 'The API key of the sandbox merchant: it begins with sk_test_. Default: made at the first start.',
        secret: true,
        example: 'sk_test_0123456789abcdef',
      },
    ),
    masterKeyFile: setting('PURSER_MASTER_KEY_FILE', z.string().min(1).optional(), {
      doc: 'File of the master key. Default: master.key in DATA_DIR, made at the first start.',
      example: '/run/secrets/purser-master-key',
    }),
    instanceType: setting('INSTANCE_TYPE', z.enum(['web', 'worker', 'all'], 'web, worker or all').default('all'), {
      doc: 'What this process does: web, worker or all. With web or worker set DATABASE_URL too: the embedded database serves one process.',
    }),
    trustProxy: setting('TRUST_PROXY', trustProxy, {
      doc: 'Whose X-Forwarded-For is believed: none, the number of proxies in front, or their addresses.',
      example: 'none',
    }),
    businessTimeZone: setting('BUSINESS_TIME_ZONE', timeZone.default('Africa/Nairobi'), {
      doc: 'Where a day begins in figures and reports.',
    }),
    nodeEnv: setting('NODE_ENV', z.string().default('development'), {
      doc: 'production switches the log on the terminal off.',
    }),
    appVersion: setting('APP_VERSION', z.string().max(100).optional(), {
      doc: 'Version in logs and health answers. Default: that of the package.',
      example: '1.0.0',
    }),
  },
  {
    problems: (values) => {
      const lines: string[] = []
      if (values.sandboxKey && values.mode !== 'sandbox') {
        lines.push(`PURSER_SANDBOX_KEY is set with PURSER_MODE=${values.mode}: remove it, it works only in the sandbox`)
      }
      if (values.databasePoolMin > values.databasePoolMax) {
        lines.push(
          `DATABASE_POOL_MIN=${values.databasePoolMin} is more than DATABASE_POOL_MAX=${values.databasePoolMax}: lower it`,
        )
      }
      if (!values.databaseUrl && values.databasePoolMax > EMBEDDED_MOST) {
        lines.push(
          `DATABASE_POOL_MAX=${values.databasePoolMax} is more than the embedded database takes: set it to ${EMBEDDED_MOST} at most, or set DATABASE_URL`,
        )
      }
      if (!values.databaseUrl && values.instanceType !== 'all') {
        lines.push(
          `INSTANCE_TYPE=${values.instanceType} needs DATABASE_URL: the embedded database serves one process, and nobody would do the work of the other. Set DATABASE_URL, or leave INSTANCE_TYPE out`,
        )
      }
      const unsafe = values.mode === 'live' ? whyUnsafe(values) : undefined
      return unsafe === undefined ? lines : [...lines, unsafe]
    },
    // Purser speaks plain http: whoever has an https address has a proxy.
    warnings: ({ mode, publicUrl, trustProxy: trusted }) =>
      mode === 'live' && publicUrl?.startsWith('https:') && trusted === false
        ? [
            'TRUST_PROXY is none and PUBLIC_URL is https: all payers come from the address of the proxy, and limits by address stop all of them together. Set TRUST_PROXY to the number of proxies in front, or their addresses',
          ]
        : [],
    derive: (values) => ({
      ...values,
      host: values.host ?? (values.mode === 'sandbox' ? '127.0.0.1' : '0.0.0.0'),
      logDir: values.logDir ?? join(values.dataDir, 'logs'),
    }),
  },
)

export type PlatformConfig = ConfigOf<typeof platformConfig>
