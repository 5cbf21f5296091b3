-- Latest prices of each source. All instances share one row per source, so that together they query it about once a minute.
create table rates.sources (
  name text primary key,
  -- Time of the last request, whatever its result. An instance claims the next request by updating this time.
  asked_at timestamptz not null,
  answered_at timestamptz,
  -- [{base, quote, price, at}] of the last good response. Prices keep the source's decimal text.
  prices jsonb not null default '[]',
  -- Consecutive failures since the last good response, and the last error as a sentence.
  failures integer not null default 0,
  problem text,
  failing_since timestamptz,
  -- The source must not be queried before this time (Retry-After).
  retry_at timestamptz,
  -- Currencies for which this source was rejected in the last round, because it disagreed with the others.
  left_out text[] not null default '{}'
);

-- Last good price of each currency in USD, as an exact fraction.
create table rates.last_good (
  currency text primary key,
  numerator numeric not null check (numerator > 0 and scale(numerator) = 0),
  denominator numeric not null check (denominator > 0 and scale(denominator) = 0),
  -- Time of the oldest price that it was computed from.
  at timestamptz not null,
  sources text[] not null,
  -- Last price that at least two sources agreed on, and its oldest time. A single remaining source is checked against it.
  agreed_numerator numeric check (agreed_numerator > 0 and scale(agreed_numerator) = 0),
  agreed_denominator numeric check (agreed_denominator > 0 and scale(agreed_denominator) = 0),
  agreed_at timestamptz
);

-- Rates that were promised until `expires_at`. Rows never change. A payment copies its quote, so old rows are deleted.
create table rates.quotes (
  id text primary key,
  from_asset text not null,
  from_amount numeric(38, 0) not null check (from_amount >= 0),
  to_asset text not null,
  -- Amount at the rate alone, without the spread.
  to_amount numeric(38, 0) not null check (to_amount >= 0),
  spread_amount numeric(38, 0) not null check (spread_amount >= 0),
  spread_bps integer not null check (spread_bps between 0 and 10000),
  rounding text not null check (rounding in ('down', 'up', 'half-even')),
  -- Units of `to_asset` for one unit of `from_asset`.
  numerator numeric not null check (numerator > 0 and scale(numerator) = 0),
  denominator numeric not null check (denominator > 0 and scale(denominator) = 0),
  sources text[] not null,
  rate_at timestamptz not null,
  created_at timestamptz not null,
  expires_at timestamptz not null check (expires_at > created_at)
);
create index quotes_by_time on rates.quotes (created_at);
