-- Attempts to an address, in another asset than their intent where need be.
alter table payments.attempts drop constraint attempts_kind_check;
alter table payments.attempts add constraint attempts_kind_check check (kind in ('push', 'page', 'address'));
alter table payments.attempts
  add column address text,
  add column payment_uri text,
  -- What is still to be sent to the address, money that was seen and is not final left out.
  add column due numeric(38,0) check (due >= 0),
  -- The address is the one of this index of this key. Released when nobody was shown it.
  add column index_space text,
  add column address_index integer check (address_index >= 0),
  -- Until then money is looked for at each look; after it once a day.
  add column watch_until timestamptz,
  -- The rate by which the amount was made from the intent's, as exchange.ts writes it.
  add column exchange jsonb,
  -- How much less still pays the intent, by the rail's own rule, in the intent's asset.
  add column tolerance numeric(38,0) not null default 0 check (tolerance >= 0);
create unique index attempts_address on payments.attempts (index_space, address_index) where address_index is not null;
create index attempts_watched on payments.attempts (rail, watch_until) where watch_until is not null;

create table payments.address_indexes (
  space text primary key,
  next integer not null default 0 check (next >= 0),
  -- The highest one that money came to: wallets look only so many beyond it.
  used integer not null default -1
);
-- Allocated, and shown to nobody: given out before a new one.
create table payments.free_indexes (
  space text not null,
  index integer not null,
  primary key (space, index)
);

-- Where each watching rail is. A look is claimed by a lease, and stored only by who holds the last claim.
create table payments.watches (
  rail text primary key,
  cursor text,
  due_at timestamptz not null,
  leased_until timestamptz,
  claims integer not null default 0,
  swept_at timestamptz,
  failing_since timestamptz,
  problem text
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Money that was seen at an address, final or not, and what it is worth. The last word of a rail on each.
create table payments.sightings (
  rail text not null,
  rail_account text not null,
  -- Of the receipt that it is or will be.
  provider_id text not null,
  attempt_id text not null references payments.attempts,
  asset text not null,
  gross numeric(38,0) not null check (gross > 0),
  state text not null check (state in ('seen', 'final', 'gone')),
  -- Came when the intent was over: decided when it is first seen.
  late boolean not null,
  seen_at timestamptz not null,
  have integer,
  need integer,
  risk text,
  -- The rate that it counts by: the attempt's while that is locked, else the one at its arrival.
  exchange jsonb,
  -- In the intent's asset, once it was final.
  counted numeric(38,0) check (counted >= 0),
  updated_at timestamptz not null,
  primary key (rail, rail_account, provider_id)
) with (fillfactor = 80);
create index sightings_attempt on payments.sightings (attempt_id);

-- Each exchange of money that came in one asset and was owed in another, and each undoing of one.
create table payments.exchanges (
  id text primary key,
  receipt_id text not null references payments.receipts,
  kind text not null check (kind in ('in', 'back')),
  from_asset text not null,
  gross numeric(38,0) not null check (gross > 0),
  -- Of it, what the operator keeps.
  spread numeric(38,0) not null check (spread >= 0 and spread <= gross),
  to_asset text not null,
  counted numeric(38,0) not null check (counted >= 0),
  -- Units of the second asset's currency for one of the first.
  numerator numeric not null check (numerator > 0 and scale(numerator) = 0),
  denominator numeric not null check (denominator > 0 and scale(denominator) = 0),
  sources text[] not null,
  rate_at timestamptz not null,
  transfers uuid[] not null check (cardinality(transfers) > 0),
  created_at timestamptz not null
);
create index exchanges_receipt on payments.exchanges (receipt_id);
create trigger exchanges_written_once before update or delete on payments.exchanges
  for each row execute function payments.refuse_change();
create trigger exchanges_never_truncated before truncate on payments.exchanges
  for each statement execute function payments.refuse_change();

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update on payments.address_indexes, payments.watches, payments.sightings to purser_app;
    grant select, insert, delete on payments.free_indexes to purser_app;
    grant select, insert on payments.exchanges to purser_app;
  end if;
end$$;
