-- Our books beside those of the providers.

-- One comparison of each rail account and day. A row with a due time is work.
create table payments.reconciliations (
  rail text not null,
  rail_account text not null default 'main',
  -- Of UTC, '2026-01-15'.
  day text not null check (day ~ '^\d{4}-\d{2}-\d{2}$'),
  due_at timestamptz,
  tries integer not null default 0,
  -- Of the last run that came to its end: what the provider listed, what of it is the same here, what was put right, what needs a person.
  lines integer not null default 0,
  matched integer not null default 0,
  repaired integer not null default 0,
  cases integer not null default 0,
  -- Why the last run did not come to its end.
  problem text,
  finished_at timestamptz,
  created_at timestamptz not null,
  primary key (rail, rail_account, day)
);
create index reconciliations_due on payments.reconciliations (due_at) where due_at is not null;

-- Receipts that the provider's own list has.
create table payments.reconciled (
  receipt_id text primary key references payments.receipts,
  line_id text not null,
  line_at timestamptz not null,
  created_at timestamptz not null
);

-- Differences that a person looks into.
create table payments.cases (
  id text primary key,
  rail text not null,
  rail_account text not null,
  day text not null,
  kind text not null
    check (kind in ('missing-here', 'missing-there', 'amount-differs', 'currency-differs', 'return-differs', 'pending-for-ever')),
  -- The provider's line, our receipt, or our attempt: a difference is one case however often it is seen.
  subject text not null,
  intent_id text,
  merchant_id text,
  ours_asset text,
  ours numeric(38,0),
  theirs_asset text,
  theirs numeric(38,0),
  -- When the money moved.
  moved_at timestamptz not null,
  state text not null default 'open' check (state in ('open', 'closed', 'repaired')),
  note text,
  created_at timestamptz not null,
  closed_at timestamptz,
  check ((state = 'open') = (closed_at is null)),
  unique (rail, rail_account, kind, subject)
);
create index cases_open on payments.cases (id desc) where state = 'open';

-- Rows arrive nearly in the order in which the money was taken.
create index receipts_taken on payments.receipts using brin (taken_at) with (pages_per_range = 16, autosummarize = on);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update on payments.reconciliations, payments.cases to purser_app;
    grant select, insert on payments.reconciled to purser_app;
  end if;
end$$;
