-- Uploaded logos, named by their content: `<hash>.png`. A logo is deleted with its last user; a request that wants to use it again
-- locks the row first.
create table identity.logos (
  name text primary key check (length(name) <= 60),
  type text not null,
  bytes bytea not null check (length(bytes) <= 102400),
  created_at timestamptz not null
);

create table identity.merchants (
  id text primary key,
  -- A fixed name for the few merchants that the program creates itself, such as `sandbox`.
  handle text unique check (length(handle) between 1 and 40),
  name text not null check (length(name) between 1 and 100),
  livemode boolean not null,
  locale text not null check (locale in ('en', 'sw')),
  -- Brand shown to payers. The colour is `#rrggbb`.
  colour text check (colour ~ '^#[0-9a-f]{6}$'),
  logo text references identity.logos (name),
  -- An amount that is short by at most this share still pays a payment, in basis points (1/100 of a percent).
  tolerance_bps integer not null default 0 check (tolerance_bps between 0 and 1000),
  -- Settlement: days until money becomes available, and the fees that are kept.
  hold_days integer not null default 0 check (hold_days between 0 and 365),
  fee_bps integer not null default 0 check (fee_bps between 0 and 10000),
  -- Minor units by currency, as text: {"KES": "1000"}.
  fee_fixed jsonb not null default '{}',
  -- Settlement destination, encrypted with the master key. `destination_shown` holds the part that may be displayed.
  destination text,
  destination_shown jsonb,
  created_at timestamptz not null,
  check ((destination is null) = (destination_shown is null))
);
create index merchants_logo on identity.merchants (logo) where logo is not null;

-- Origins (scheme, host, port) that a payer may return to.
create table identity.return_origins (
  merchant_id text not null references identity.merchants (id),
  origin text not null check (length(origin) <= 300),
  created_at timestamptz not null,
  primary key (merchant_id, origin)
);

-- A merchant's shop with its own brand. A column that is null takes the merchant's value.
create table identity.stores (
  id text primary key,
  merchant_id text not null references identity.merchants (id),
  name text not null check (length(name) between 1 and 100),
  locale text check (locale in ('en', 'sw')),
  colour text check (colour ~ '^#[0-9a-f]{6}$'),
  logo text references identity.logos (name),
  -- Empty: the merchant's origins apply.
  return_origins text[] not null default '{}',
  -- Payment methods in display order. Empty: all methods.
  methods text[] not null default '{}',
  -- Idempotency key of the request that created the store. A retry finds the store by it when the process died before it answered.
  request_key text,
  created_at timestamptz not null,
  archived_at timestamptz
);
create index stores_merchant on identity.stores (merchant_id, id);
create index stores_request on identity.stores (merchant_id, request_key) where request_key is not null;
create index stores_logo on identity.stores (logo) where logo is not null;

-- API keys. The key itself is not stored.
create table identity.keys (
  id text primary key,
  merchant_id text not null references identity.merchants (id),
  -- A key with a store acts for that store alone.
  store_id text references identity.stores (id),
  name text not null check (length(name) between 1 and 100),
  -- HMAC-SHA256 of the key under this version of the pepper.
  hash text not null unique,
  pepper_version integer not null,
  -- Last characters of the key. They identify it in a list.
  hint text not null check (length(hint) <= 4),
  scopes text[] not null,
  livemode boolean not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  -- Written in batches, so it lags by some seconds.
  last_used_at timestamptz,
  replaced_by text references identity.keys (id)
);
create index keys_merchant on identity.keys (merchant_id, id desc);

create table identity.operators (
  id text primary key,
  email text not null unique check (email = lower(email) and length(email) <= 200),
  name text not null check (length(name) between 1 and 100),
  -- Role for the whole installation. `member` gives no rights there, only at the merchants in `identity.members`.
  role text not null check (role in ('owner', 'admin', 'support', 'viewer', 'member')),
  created_at timestamptz not null,
  disabled_at timestamptz
);

-- Roles of operators at single merchants.
create table identity.members (
  merchant_id text not null references identity.merchants (id),
  operator_id text not null references identity.operators (id),
  role text not null check (role in ('owner', 'admin', 'support', 'viewer')),
  created_at timestamptz not null,
  primary key (merchant_id, operator_id)
);
create index members_operator on identity.members (operator_id);

-- Audit log. Append-only.
create table identity.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor_type text not null check (actor_type in ('operator', 'cli', 'key', 'system')),
  actor_id text not null check (length(actor_id) <= 200),
  action text not null check (length(action) <= 100),
  target text not null check (length(target) <= 200),
  detail jsonb not null check (length(detail::text) <= 10000)
);
create index audit_target on identity.audit (target, id desc);
create index audit_action on identity.audit (action, id desc);

create function identity.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'ID001', message = 'identity.audit only grows: ' || tg_op || ' is refused';
end $$;
create trigger only_grows before update or delete or truncate on identity.audit
  for each statement execute function identity.refuse_change();
-- `enable always` keeps the trigger active in replica mode, which disables ordinary triggers.
alter table identity.audit enable always trigger only_grows;
