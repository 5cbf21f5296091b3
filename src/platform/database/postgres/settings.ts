/** PostgreSQL settings of the embedded server, given on its command line so that a new version of the program brings them along. */
const SETTINGS: Readonly<Record<string, string>> = {
  // Reachable by the private socket only: no port to scan, to firewall or to collide with.
  listen_addresses: '',
  port: '5432',
  unix_socket_permissions: '0700',
  // Shown by `ps`, so that an operator knows whose server it is.
  cluster_name: 'purser',

  // Money: an acknowledged commit is on the disk. Said here although it is the default, because nothing may change it by accident.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',

  // Program and database share 350 MB. The hot rows of a small desk fit in 64 MB; the rest is in the kernel's cache.
  shared_buffers: '64MB',
  maintenance_work_mem: '32MB',
  effective_cache_size: '512MB',
  // Pools of 10 for web and worker, the command line, and rolling restarts that double them. Each costs about 2 MB.
  max_connections: '60',
  // The three helper processes for reading ahead cost memory and bring nothing when the data are in memory.
  io_method: 'sync',
  // A report must not take both cores from payments.
  max_parallel_workers_per_gather: '0',
  // Statements are short; compiling one takes longer than running it.
  jit: 'off',
  // Solid-state disks: a random page costs about what a sequential one does.
  random_page_cost: '1.1',
  // Small disks: do not let the journal grow to the default gigabyte. (wal_compression: this build has neither lz4 nor zstd.)
  min_wal_size: '64MB',
  max_wal_size: '512MB',

  // A forgotten transaction would hold locks and stop vacuum.
  idle_in_transaction_session_timeout: '60s',
  // A statement whose program was killed ends within seconds instead of running on with its locks.
  client_connection_check_interval: '5s',

  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] %q%a ',
  // Statements and the details of errors hold personal data ("Key (email)=(…)"); the program logs its own errors, scrubbed.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}

/** The settings as `-c name=value` arguments; `extra` wins. */
export const settingArguments = (extra: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({ ...SETTINGS, ...extra }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
