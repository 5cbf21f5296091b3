-- How a merchant looks to its payers. The colour as #rrggbb.
alter table identity.merchants
  add column colour text check (colour ~ '^#[0-9a-f]{6}$'),
  add column logo text;

-- Pictures that were uploaded, named by their content: `<hash>.png`.
create table identity.logos (
  name text primary key check (length(name) <= 60),
  type text not null,
  bytes bytea not null check (length(bytes) <= 102400),
  created_at timestamptz not null
);
alter table identity.merchants add foreign key (logo) references identity.logos (name);

-- A shop of a merchant with a face of its own. Null: as the merchant.
create table identity.stores (
  id text primary key,
  merchant_id text not null references identity.merchants (id),
  name text not null check (length(name) between 1 and 100),
  locale text check (locale in ('en', 'sw')),
  colour text check (colour ~ '^#[0-9a-f]{6}$'),
  logo text references identity.logos (name),
  -- Origins that a payer may be sent back to, and ways to pay, in order. None: those of the merchant; all.
  return_origins text[] not null default '{}',
  methods text[] not null default '{}',
  created_at timestamptz not null,
  archived_at timestamptz
);
create index stores_merchant on identity.stores (merchant_id, id);

-- A key of one store acts for that store alone.
alter table identity.keys add column store_id text references identity.stores (id);

-- Operators have a role for the whole desk; `member` is none. At a merchant they may have another.
alter table identity.operators drop constraint operators_role_check;
alter table identity.operators add constraint operators_role_check
  check (role in ('owner', 'admin', 'support', 'viewer', 'member'));
create table identity.members (
  merchant_id text not null references identity.merchants (id),
  operator_id text not null references identity.operators (id),
  role text not null check (role in ('owner', 'admin', 'support', 'viewer')),
  created_at timestamptz not null,
  primary key (merchant_id, operator_id)
);
create index members_operator on identity.members (operator_id);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert on identity.logos, identity.stores, identity.members to purser_app;
    grant update (name, locale, colour, logo) on identity.merchants to purser_app;
    grant update (name, locale, colour, logo, return_origins, methods, archived_at) on identity.stores to purser_app;
    grant update (role), delete on identity.members to purser_app;
  end if;
end$$;
