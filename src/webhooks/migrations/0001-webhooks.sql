-- Merchants' webhook endpoints. A deleted endpoint keeps its row for the history of its deliveries.
create table webhooks.endpoints (
  id text primary key,
  merchant_id text not null,
  livemode boolean not null,
  url text not null check (length(url) <= 2000),
  description text not null check (length(description) <= 200),
  -- Event types that the endpoint receives: '*', 'payment.*' or 'payment.paid'.
  events text[] not null check (cardinality(events) between 1 and 50),
  created_at timestamptz not null,
  -- Time of the first failure since the last successful delivery.
  failing_since timestamptz,
  disabled_at timestamptz,
  disabled_why text check (disabled_why in ('requested', 'failing', 'gone')),
  deleted_at timestamptz,
  check ((disabled_at is null) = (disabled_why is null))
);
create index endpoints_merchant on webhooks.endpoints (merchant_id, id) where deleted_at is null;
create index endpoints_failing on webhooks.endpoints (failing_since)
  where failing_since is not null and deleted_at is null and disabled_at is null;

-- Signing secrets. Each secret that has not expired signs, so that a rotated secret stays valid until `ends_at`.
create table webhooks.secrets (
  id text primary key,
  endpoint_id text not null references webhooks.endpoints (id),
  -- Encrypted with the master key.
  sealed text not null,
  created_at timestamptz not null,
  ends_at timestamptz
);
create index secrets_endpoint on webhooks.secrets (endpoint_id, id);

-- Published events.
create table webhooks.events (
  id text primary key,
  merchant_id text not null,
  livemode boolean not null,
  type text not null check (length(type) <= 60),
  object_id text not null check (length(object_id) <= 60),
  -- Version of the object after the change that the event reports.
  version integer not null,
  -- Request body, sent byte for byte.
  body text not null,
  created_at timestamptz not null,
  -- Publishing the same change twice creates one event.
  unique (object_id, version, type, merchant_id)
);
create index events_age on webhooks.events (created_at);

-- One row per event and endpoint. A pending row is its own queue entry.
create table webhooks.deliveries (
  id text primary key,
  -- Publication order.
  seq bigint generated always as identity,
  event_id text not null references webhooks.events (id),
  endpoint_id text not null references webhooks.endpoints (id),
  merchant_id text not null,
  type text not null,
  object_id text not null,
  version integer not null,
  state text not null default 'pending' check (state in ('pending', 'succeeded', 'failed', 'canceled')),
  -- Time of the next attempt.
  due_at timestamptz not null,
  -- Instance that sends the delivery, and the number of its claim.
  claimed_by text,
  claim bigint not null default 0,
  -- Number of attempts, and of failed attempts since the delivery was last requested.
  tries integer not null default 0,
  failures integer not null default 0,
  last_status integer,
  created_at timestamptz not null,
  finished_at timestamptz,
  unique (event_id, endpoint_id),
  check ((state = 'pending') = (finished_at is null)),
  check (state = 'pending' or claimed_by is null)
) with (fillfactor = 70);
create index deliveries_due on webhooks.deliveries (endpoint_id, due_at, seq) where state = 'pending' and claimed_by is null;
create index deliveries_claimed on webhooks.deliveries (claimed_by) where claimed_by is not null;
-- Deliveries of one object to one endpoint go out in order.
create index deliveries_lane on webhooks.deliveries (endpoint_id, object_id, version, seq) where state = 'pending';
create index deliveries_list on webhooks.deliveries (endpoint_id, created_at desc, id desc);
create index deliveries_age on webhooks.deliveries (created_at) where state <> 'pending';

-- Log of the attempts.
create table webhooks.attempts (
  id bigint generated always as identity primary key,
  delivery_id text not null references webhooks.deliveries (id) on delete cascade,
  at timestamptz not null,
  ms integer not null,
  -- HTTP status. Null: no response.
  status integer,
  -- First 4 kB of the response body.
  answer text,
  error text check (length(error) <= 500)
);
create index attempts_delivery on webhooks.attempts (delivery_id, id);
