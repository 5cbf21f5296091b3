-- What a transaction wants done after it: written with it, moved to the job queue once it is due.
create table platform.outbox (
  id bigint generated always as identity primary key,
  -- The limits of the job queue, so that one bad row cannot stop the batch it is moved in.
  job text not null check (length(job) between 1 and 128),
  -- An object: the job queue joins payloads that are arrays.
  payload json not null check (json_typeof(payload) = 'object'),
  run_at timestamptz not null,
  job_key text check (length(job_key) between 1 and 512),
  max_attempts smallint not null check (max_attempts >= 1)
);
create index outbox_due on platform.outbox (run_at, id);
-- The last one enqueued under a key replaces the one that still waits.
create unique index outbox_job_key on platform.outbox (job_key) where job_key is not null;

-- Running processes. Who has not beaten for a while is dead, and what it had locked is free.
create table platform.instances (
  id text primary key,
  roles text[] not null,
  host text not null,
  pid integer not null,
  version text not null,
  -- Under these names it locks jobs.
  pools text[] not null,
  started_at timestamptz not null,
  beat_at timestamptz not null
);

create table platform.crons (
  name text primary key,
  started_at timestamptz not null,
  finished_at timestamptz,
  -- The instance that runs it now.
  running_by text
);

grant usage on schema platform to purser_app;
grant select, insert, update, delete on platform.outbox, platform.instances, platform.crons to purser_app;
