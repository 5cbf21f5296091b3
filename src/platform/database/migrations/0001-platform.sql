-- Facts about this database that never change: its mode, and fingerprints of the master key's versions.
create table platform.state (
  key text primary key,
  value text not null,
  set_at timestamptz not null
);

-- Settings that were changed at run time. `sealed` is the value, encrypted with the master key.
create table platform.settings (
  name text primary key check (length(name) <= 100),
  sealed text not null check (length(sealed) <= 65536),
  version bigint not null,
  set_at timestamptz not null,
  actor_type text not null,
  actor_id text not null
);

-- One row with a counter that each change of a setting increments. Instances read it once a second to see changes. Its row lock
-- serialises changes.
create table platform.settings_version (
  single boolean primary key default true check (single),
  version bigint not null
);
insert into platform.settings_version (version) values (0);

-- History of changes to settings. `sealed` is null where the setting was cleared.
create table platform.settings_history (
  version bigint primary key,
  name text not null,
  sealed text,
  set_at timestamptz not null,
  actor_type text not null,
  actor_id text not null
);
create index settings_history_name on platform.settings_history (name, version desc);

-- Transactional outbox: jobs that a transaction enqueues are written with it and moved to the job queue when they are due.
create table platform.outbox (
  id bigint generated always as identity primary key,
  -- The checks repeat the job queue's own limits, so that one bad row cannot block the batch it is moved in.
  job text not null check (length(job) between 1 and 128),
  -- An object, because the job queue concatenates payloads that are arrays.
  payload json not null check (json_typeof(payload) = 'object'),
  run_at timestamptz not null,
  job_key text check (length(job_key) between 1 and 512),
  max_attempts smallint not null check (max_attempts >= 1)
);
create index outbox_due on platform.outbox (run_at, id);
-- A job with a key replaces the waiting job with the same key.
create unique index outbox_job_key on platform.outbox (job_key) where job_key is not null;

-- Running processes. An instance without a heartbeat for 10 seconds is dead; the others free its claims and locks.
create table platform.instances (
  id text primary key,
  roles text[] not null,
  host text not null,
  pid integer not null,
  version text not null,
  -- Names of the migrations that its code knows, as `schema/name`. A contract migration waits for code that lacks what it needs.
  migrations text[] not null default '{}',
  -- Names under which the instance locks jobs.
  pools text[] not null,
  started_at timestamptz not null,
  -- Time of the last heartbeat, from the clock of the database.
  beat_at timestamptz not null
);

-- Last run of each periodic task.
create table platform.crons (
  name text primary key,
  started_at timestamptz not null,
  finished_at timestamptz,
  -- Instance that runs it now, and the number of its claim.
  claimed_by text,
  claim bigint not null default 0
);
create index crons_claimed on platform.crons (claimed_by) where claimed_by is not null;

-- How far a periodic job has come in a table that grows, so that its next run does not begin from the start.
create table platform.watermarks (
  -- `module.what-it-does`
  name text primary key,
  -- The last key that was handled.
  position text not null
);

-- Last result of the check of each invariant. Every instance reports it.
create table platform.invariant_results (
  name text primary key,
  -- `unchecked`: the last check failed. `problems` and `sentences` are then those of the check before.
  result text not null check (result in ('holds', 'broken', 'unchecked')),
  -- Number of problems, and the first sentences about them.
  problems integer not null check (problems >= 0),
  sentences text[] not null,
  checked_at timestamptz not null,
  duration_ms integer not null,
  next_at timestamptz not null
);

-- One row per idempotency key. The row is `running` first, then `done` with the response that retries receive.
create table platform.idempotency (
  -- The merchant and the route.
  scope text not null,
  key text not null,
  -- Hash over method, path and canonical body.
  hash text not null,
  state text not null check (state in ('running', 'done')),
  status integer,
  -- The response as JSON text, byte for byte. Never contains a secret.
  body text,
  -- Instance that runs the request, while it runs. Null after it ended, or when the instance died: then a repeat takes over.
  claimed_by text,
  -- Number of the run. A run that was taken over cannot write the response.
  claim bigint not null,
  created_at timestamptz not null,
  primary key (scope, key),
  check ((state = 'done') = (status is not null and body is not null)),
  check (state = 'running' or claimed_by is null)
);
create index idempotency_claimed on platform.idempotency (claimed_by) where claimed_by is not null;
create index idempotency_created_at on platform.idempotency (created_at);

-- Writes of settings. The running program cannot write these tables itself.

-- Increments the version of all settings. The row lock blocks other changes until the transaction ends.
create function platform.next_settings_version() returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update platform.settings_version set version = version + 1 returning version $$;

-- Writes a setting and its history in one call. Without a value it clears the setting. `p_version` is the one that this transaction took.
create function platform.write_setting(
  p_version bigint, p_name text, p_sealed text, p_at timestamptz, p_actor_type text, p_actor_id text
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_version is distinct from (select version from platform.settings_version) then
    raise exception using errcode = 'PL001', message = 'platform.settings: the version is not the one of this change';
  end if;
  if p_actor_type not in ('operator', 'cli', 'key', 'system') or p_actor_id = '' then
    raise exception using errcode = 'PL002', message = 'platform.settings: a change names who made it';
  end if;
  if p_sealed is null then delete from platform.settings where name = p_name;
  else
    insert into platform.settings (name, sealed, version, set_at, actor_type, actor_id)
      values (p_name, p_sealed, p_version, p_at, p_actor_type, p_actor_id)
      on conflict (name) do update set sealed = excluded.sealed, version = excluded.version, set_at = excluded.set_at,
        actor_type = excluded.actor_type, actor_id = excluded.actor_id;
  end if;
  insert into platform.settings_history (version, name, sealed, set_at, actor_type, actor_id)
    values (p_version, p_name, p_sealed, p_at, p_actor_type, p_actor_id);
end $$;

revoke all on all functions in schema platform from public;
