create table webhooks.endpoints (
  id text primary key,
  merchant_id text not null,
  livemode boolean not null,
  url text not null check (length(url) <= 2000),
  description text not null check (length(description) <= 200),
  -- '*', 'payment.*' or 'payment.paid'.
  events text[] not null check (cardinality(events) between 1 and 50),
  created_at timestamptz not null,
  -- Since when every delivery has failed.
  failing_since timestamptz,
  disabled_at timestamptz,
  disabled_why text check (disabled_why in ('requested', 'failing', 'gone')),
  deleted_at timestamptz,
  check ((disabled_at is null) = (disabled_why is null))
);
create index endpoints_merchant on webhooks.endpoints (merchant_id, id) where deleted_at is null;
create index endpoints_failing on webhooks.endpoints (failing_since)
  where failing_since is not null and deleted_at is null and disabled_at is null;

-- Each live secret of an endpoint signs: after a rotation the old ones do so until they end.
create table webhooks.secrets (
  id text primary key,
  endpoint_id text not null references webhooks.endpoints (id),
  -- By the master key.
  sealed text not null,
  created_at timestamptz not null,
  ends_at timestamptz
);
create index secrets_endpoint on webhooks.secrets (endpoint_id, id);

create table webhooks.events (
  id text primary key,
  merchant_id text not null,
  livemode boolean not null,
  type text not null check (length(type) <= 60),
  object_id text not null check (length(object_id) <= 60),
  -- Of the object, at the change that is told.
  version integer not null,
  -- What is sent, to the byte.
  body text not null,
  created_at timestamptz not null,
  -- Telling twice of a change is telling it once.
  unique (object_id, version, type, merchant_id)
);
create index events_age on webhooks.events (created_at);

create table webhooks.deliveries (
  id text primary key,
  -- Order of publication.
  seq bigint generated always as identity,
  event_id text not null references webhooks.events (id),
  endpoint_id text not null references webhooks.endpoints (id),
  merchant_id text not null,
  type text not null,
  object_id text not null,
  version integer not null,
  state text not null default 'pending' check (state in ('pending', 'succeeded', 'failed', 'canceled')),
  -- When to send it next. While it is being sent: when whoever sends it is given up.
  due_at timestamptz not null,
  sending boolean not null default false,
  -- Sendings begun, ever; and those that failed since it was last asked for.
  tries integer not null default 0,
  failures integer not null default 0,
  last_status integer,
  created_at timestamptz not null,
  finished_at timestamptz,
  unique (event_id, endpoint_id),
  check ((state = 'pending') = (finished_at is null)),
  check (state = 'pending' or not sending)
) with (fillfactor = 70);
create index deliveries_due on webhooks.deliveries (endpoint_id, due_at, seq) where state = 'pending';
-- What comes before what: of one object at one endpoint.
create index deliveries_lane on webhooks.deliveries (endpoint_id, object_id, version, seq) where state = 'pending';
create index deliveries_list on webhooks.deliveries (endpoint_id, created_at desc, id desc);
create index deliveries_age on webhooks.deliveries (created_at) where state <> 'pending';

create table webhooks.attempts (
  id bigint generated always as identity primary key,
  delivery_id text not null references webhooks.deliveries (id) on delete cascade,
  at timestamptz not null,
  ms integer not null,
  -- HTTP status; null when no answer came.
  status integer,
  -- The first 4 kB of it.
  answer text,
  error text check (length(error) <= 500)
);
create index attempts_delivery on webhooks.attempts (delivery_id, id);

grant usage on schema webhooks to purser_app;
grant select, insert on all tables in schema webhooks to purser_app;
grant update (url, description, events, failing_since, disabled_at, disabled_why, deleted_at) on webhooks.endpoints to purser_app;
grant update (ends_at) on webhooks.secrets to purser_app;
grant update (state, due_at, sending, tries, failures, last_status, finished_at) on webhooks.deliveries to purser_app;
grant delete on webhooks.secrets, webhooks.events, webhooks.deliveries, webhooks.attempts to purser_app;
