create table identity.merchants (
  id text primary key,
  -- A name of our own for the few merchants that the program itself makes, such as `sandbox`.
  handle text unique check (length(handle) between 1 and 40),
  name text not null check (length(name) between 1 and 100),
  livemode boolean not null,
  locale text not null check (locale in ('en', 'sw')),
  created_at timestamptz not null
);

-- Where a payer may be sent back to.
create table identity.return_origins (
  merchant_id text not null references identity.merchants (id),
  origin text not null check (length(origin) <= 300),
  created_at timestamptz not null,
  primary key (merchant_id, origin)
);

create table identity.keys (
  id text primary key,
  merchant_id text not null references identity.merchants (id),
  name text not null check (length(name) between 1 and 100),
  -- HMAC-SHA256 of the key under the pepper of this version. The key itself is nowhere.
  hash text not null unique,
  pepper_version integer not null,
  -- Its last characters, to tell keys apart in a list.
  hint text not null check (length(hint) <= 4),
  scopes text[] not null,
  livemode boolean not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  -- Some seconds behind.
  last_used_at timestamptz,
  replaced_by text references identity.keys (id)
);
create index keys_merchant on identity.keys (merchant_id, id desc);

create table identity.operators (
  id text primary key,
  email text not null unique check (email = lower(email) and length(email) <= 200),
  name text not null check (length(name) between 1 and 100),
  role text not null check (role in ('owner', 'admin', 'support', 'viewer')),
  created_at timestamptz not null,
  disabled_at timestamptz
);

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
-- In replica mode too, which switches ordinary triggers off.
alter table identity.audit enable always trigger only_grows;

-- The running program: a key keeps its merchant, its hash and its scopes; what was audited stays.
grant usage on schema identity to purser_app;
grant select, insert on all tables in schema identity to purser_app;
grant delete on identity.return_origins to purser_app;
grant update (expires_at, revoked_at, last_used_at, replaced_by) on identity.keys to purser_app;
grant update (disabled_at) on identity.operators to purser_app;
