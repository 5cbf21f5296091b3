-- Daily comparison of Purser's records with each provider's list.

-- One run for each rail account and business day.
create table reconciliation.runs (
  rail text not null,
  rail_account text not null default 'main',
  -- Business day in the operator's time zone, such as `2026-01-15`.
  day text not null check (day ~ '^\d{4}-\d{2}-\d{2}$'),
  -- When to compare. Null: it finished, or failed too often.
  due_at timestamptz,
  -- Instance that compares, and the number of its claim.
  claimed_by text,
  claim bigint not null default 0,
  -- Failed runs since the last finished one.
  tries integer not null default 0,
  -- Result of the last finished run: lines of the list, lines that match, differences that were repaired, and open cases.
  lines integer not null default 0,
  matched integer not null default 0,
  repaired integer not null default 0,
  cases integer not null default 0,
  -- Why the last run failed, as a sentence.
  problem text,
  finished_at timestamptz,
  created_at timestamptz not null,
  primary key (rail, rail_account, day)
);
create index runs_due on reconciliation.runs (due_at) where due_at is not null and claimed_by is null;
create index runs_claimed on reconciliation.runs (claimed_by) where claimed_by is not null;

-- Receipts that match a line of the provider's list. No foreign key refers to the receipt, because `payments` owns it.
create table reconciliation.matches (
  receipt_id text primary key,
  line_id text not null,
  line_at timestamptz not null,
  created_at timestamptz not null
);
