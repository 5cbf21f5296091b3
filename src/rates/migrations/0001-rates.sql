-- What each source said last. One row a source, so that all instances together ask it about once a minute.
create table rates.sources (
  name text primary key,
  -- When it was asked last, whatever came of it: taking this time is the claim to ask.
  asked_at timestamptz not null,
  answered_at timestamptz,
  -- [{base, quote, price, at}] of the last good answer, prices as they were written.
  prices jsonb not null default '[]',
  -- Failures in a row since the last good answer, and the last of them in plain words.
  failures integer not null default 0,
  problem text,
  failing_since timestamptz,
  -- It asked us not to come back before.
  retry_at timestamptz,
  -- Currencies in which it was not believed last time.
  left_out text[] not null default '{}'
);

-- The last good value of each currency in USD, as an exact fraction.
create table rates.last_good (
  currency text primary key,
  numerator numeric not null check (numerator > 0 and scale(numerator) = 0),
  denominator numeric not null check (denominator > 0 and scale(denominator) = 0),
  -- That of the oldest price in it.
  at timestamptz not null,
  sources text[] not null
);

-- A rate that was promised for a time. Never changed: payments refer to it.
create table rates.quotes (
  id text primary key,
  from_asset text not null,
  from_amount numeric(38, 0) not null check (from_amount >= 0),
  to_asset text not null,
  -- At the rate alone.
  to_amount numeric(38, 0) not null check (to_amount >= 0),
  spread_amount numeric(38, 0) not null check (spread_amount >= 0),
  spread_bps integer not null check (spread_bps between 0 and 10000),
  rounding text not null check (rounding in ('down', 'up', 'half-even')),
  -- Units of the second currency for one of the first.
  numerator numeric not null check (numerator > 0 and scale(numerator) = 0),
  denominator numeric not null check (denominator > 0 and scale(denominator) = 0),
  sources text[] not null,
  rate_at timestamptz not null,
  created_at timestamptz not null,
  expires_at timestamptz not null check (expires_at > created_at)
);
create index quotes_by_time on rates.quotes (created_at);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant usage on schema rates to purser_app;
    grant select, insert, update, delete on rates.sources, rates.last_good to purser_app;
    grant select, insert on rates.quotes to purser_app;
  end if;
end
$$;
