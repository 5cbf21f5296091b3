/** PostgreSQL settings of the embedded server. They are passed on its command line, so that an upgrade of Purser changes them too. */
const SETTINGS: Readonly<Record<string, string>> = {
  // Listen on the private socket only: no port to scan, to firewall or to collide with.
  listen_addresses: '',
  port: '5432',
  unix_socket_permissions: '0700',
  // `ps` shows the name, so that an operator recognises the server.
  cluster_name: 'purser',

  // An acknowledged commit must be on disk, because it records money. These are the defaults, set explicitly against accidental changes.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',

  // Program and database share 350 MB. The hot rows of a small desk fit in 64 MB; the kernel caches the rest.
  shared_buffers: '64MB',
  maintenance_work_mem: '32MB',
  effective_cache_size: '512MB',
  // Room for pools of 10 for web and worker, for the CLI, and for rolling restarts that double them. A connection costs about 2 MB.
  max_connections: '60',
  // The three I/O worker processes cost memory and gain nothing when the data are in memory.
  io_method: 'sync',
  // A report must not take both cores from payments.
  max_parallel_workers_per_gather: '0',
  // Statements are short, so compilation takes longer than execution.
  jit: 'off',
  // On solid-state disks a random read costs about the same as a sequential read.
  random_page_cost: '1.1',
  // Keep the WAL below its default of 1 GB, for small disks. (wal_compression is unset: this build has neither lz4 nor zstd.)
  min_wal_size: '64MB',
  max_wal_size: '512MB',

  // An abandoned transaction would hold locks and block vacuum.
  idle_in_transaction_session_timeout: '60s',
  // The statement of a killed client ends within seconds, instead of continuing with its locks.
  client_connection_check_interval: '5s',

  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] %q%a ',
  // Statements and error details contain personal data ("Key (email)=(…)"). Purser logs its own errors, scrubbed.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}

/** Returns the settings as `-c name=value` arguments. `extra` overrides the defaults. */
export const settingArguments = (extra: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({ ...SETTINGS, ...extra }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
