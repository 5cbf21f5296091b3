import { join } from 'node:path'
import { z } from 'zod'
import { isLoopback } from '../../base/loopback.ts'
import { databaseSettings, findDatabaseProblems } from './database.ts'
import { httpUrl, integer, origins, timeZone, trustProxy } from './fields.ts'
import { defineConfig, setting, type ConfigOf } from './spec.ts'

/** Returns why payers would not reach a live desk by https. Undefined when they do, or when only this machine reaches the desk. */
function findInsecureUrl({
  publicUrl,
  host,
}: {
  publicUrl: string | undefined
  host: string | undefined
}): string | undefined {
  if (publicUrl === undefined) {
    return host !== undefined && isLoopback(host)
      ? undefined
      : 'PUBLIC_URL is required with PURSER_MODE=live. Set it to the https:// address that payers and providers reach.'
  }
  const { protocol, hostname } = new URL(publicUrl)
  return protocol === 'https:' || isLoopback(hostname)
    ? undefined
    : `PUBLIC_URL=${publicUrl} is not secure. It must start with https:// with PURSER_MODE=live.`
}

export const platformConfig = defineConfig(
  'platform',
  {
    mode: setting('PURSER_MODE', z.enum(['sandbox', 'test', 'live'], 'sandbox, test or live').default('sandbox'), {
      doc: 'sandbox (all providers simulated), test (test environments of the providers) or live (real money). The first start writes it into the database, and later starts cannot change it.',
    }),
    port: setting('PORT', integer(0, 65_535).default(3000), { doc: 'Port of the web server; 0 selects a free port.' }),
    host: setting('HOST', z.string().min(1).optional(), {
      doc: 'Address to listen on. Default: 127.0.0.1 in the sandbox, 0.0.0.0 otherwise.',
      example: '127.0.0.1',
    }),
    publicUrl: setting('PUBLIC_URL', httpUrl.optional(), {
      doc: 'Base URL of checkout links and provider callbacks; https:// in live mode. Default: the address that the server listens on.',
      example: 'https://pay.example.com',
    }),
    dataDir: setting('DATA_DIR', z.string().min(1).default('./data'), {
      doc: 'Folder of the embedded database, the master key and the logs.',
    }),
    ...databaseSettings,
    redisUrl: setting(
      'REDIS_URL',
      z.url({ protocol: /^rediss?$/, error: 'a URL that starts with redis:// or rediss://' }).optional(),
      {
        doc: 'URL of the Redis or Valkey where several web instances share their rate limits. Default: each process counts alone.',
        secret: true,
        example: 'redis://localhost:6379',
      },
    ),
    logDir: setting('LOG_DIR', z.string().min(1).optional(), {
      doc: 'Folder of combined.log and error.log. Default: folder logs in DATA_DIR.',
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
        doc: 'Lowest level that is logged: error, warn, info or debug.',
      },
    ),
    sandboxKey: setting(
      'PURSER_SANDBOX_KEY',
      z
        .string()
        .regex(/^sk_test_[A-Za-z0-9_-]{1,200}$/, 'sk_test_ and letters, digits, - or _')
        .optional(),
      {
        doc: 'API key of the sandbox merchant; starts with sk_test_. Default: created at the first start.',
        secret: true,
        example: 'sk_test_0123456789abcdef',
      },
    ),
    masterKeyFile: setting('PURSER_MASTER_KEY_FILE', z.string().min(1).optional(), {
      doc: 'File of the master key. Default: master.key in DATA_DIR, created at the first start.',
      example: '/run/secrets/purser-master-key',
    }),
    instanceType: setting('INSTANCE_TYPE', z.enum(['web', 'worker', 'all'], 'web, worker or all').default('all'), {
      doc: 'Role of this process: web, worker or all. web and worker require DATABASE_URL, because the embedded database serves one process.',
    }),
    trustProxy: setting('TRUST_PROXY', trustProxy, {
      doc: 'Proxies whose X-Forwarded-For header is trusted: none, the number of proxies, or their addresses.',
      example: 'none',
    }),
    corsOrigins: setting('CORS_ORIGINS', origins, {
      doc: 'Origins whose pages may call /api/v1 from a browser, separated by commas. Default: none. An API key in a page is public, so serve such pages to trusted people only.',
      example: 'https://admin.example.com',
    }),
    drainDelayMs: setting('DRAIN_DELAY_MS', integer(0, 300_000).default(0), {
      doc: 'Milliseconds that a stop keeps accepting requests while /health/ready already fails, so that a load balancer stops sending first. Longer than the balancer needs to notice.',
    }),
    businessTimeZone: setting('BUSINESS_TIME_ZONE', timeZone.default('Africa/Nairobi'), {
      doc: 'Time zone in which a business day starts, for statistics and reports.',
    }),
    nodeEnv: setting('NODE_ENV', z.string().default('development'), {
      doc: 'production turns off the log on the terminal.',
    }),
    appVersion: setting('APP_VERSION', z.string().max(100).optional(), {
      doc: 'Version in logs and health responses. Default: the package version.',
      example: '1.0.0',
    }),
  },
  {
    problems: (values) => {
      const lines = findDatabaseProblems(values)
      if (values.sandboxKey && values.mode !== 'sandbox') {
        lines.push(
          `PURSER_SANDBOX_KEY is set with PURSER_MODE=${values.mode}. Remove it: it works only in the sandbox.`,
        )
      }
      if (!values.databaseUrl && values.instanceType !== 'all') {
        lines.push(
          `INSTANCE_TYPE=${values.instanceType} needs DATABASE_URL, because the embedded database serves only one process. Set DATABASE_URL, or remove INSTANCE_TYPE.`,
        )
      }
      const insecure = values.mode === 'live' ? findInsecureUrl(values) : undefined
      return insecure === undefined ? lines : [...lines, insecure]
    },
    // Purser serves plain http, so an https URL means that a proxy is in front.
    warnings: ({ mode, publicUrl, trustProxy: trusted }) =>
      mode === 'live' && publicUrl?.startsWith('https:') && trusted === false
        ? [
            'PUBLIC_URL is https but TRUST_PROXY is none, so all payers share the address of the proxy and one rate limit. Set TRUST_PROXY to the number of proxies, or to their addresses.',
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
