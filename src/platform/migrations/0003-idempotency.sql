-- One row per idempotency key that a caller used: first `running`, then `done` with the answer that repeats get.
create table platform.idempotency (
  -- The merchant and the route.
  scope text not null,
  key text not null,
  -- Of method, path and canonical body.
  hash text not null,
  state text not null check (state in ('running', 'done')),
  status integer,
  -- The answer as JSON text, byte for byte; never a secret.
  body text,
  -- The run that holds the row, so that one which lost it cannot write the answer.
  owner text not null,
  lease_until timestamptz not null,
  created_at timestamptz not null,
  primary key (scope, key),
  check ((state = 'done') = (status is not null and body is not null))
);

create index idempotency_created_at on platform.idempotency (created_at);

grant select, insert, update, delete on platform.idempotency to purser_app;
