-- Cases: differences between Purser's records and a provider's that need an operator.
create table cases.cases (
  id text primary key,
  rail text not null,
  rail_account text not null,
  -- Business day, such as `2026-01-15`.
  day text not null,
  kind text not null check (kind in ('missing-here', 'missing-there', 'amount-differs', 'currency-differs', 'return-differs',
    'pending-for-ever', 'returned-too-much', 'taken-back')),
  -- Id of the line, the receipt or the attempt that differs. The unique constraint makes repeated findings one case.
  subject text not null,
  intent_id text,
  merchant_id text,
  -- Kind `missing-here`: the `provider_id` that the missing receipt gets when an operator credits the money to a payment, and the
  -- receipt number that people see.
  receipt_id text,
  number text,
  -- Amount in Purser's records, and amount at the provider.
  ours_asset text,
  ours numeric(38,0),
  theirs_asset text,
  theirs numeric(38,0),
  -- Time at which the money moved.
  moved_at timestamptz not null,
  -- `repaired`: a later comparison found no difference. `closed`: an operator closed it. `credited`: an operator credited the money to a payment.
  state text not null default 'open' check (state in ('open', 'closed', 'repaired', 'credited')),
  note text,
  created_at timestamptz not null,
  closed_at timestamptz,
  check ((state = 'open') = (closed_at is null)),
  unique (rail, rail_account, kind, subject)
);
create index cases_open on cases.cases (id desc) where state = 'open';
create index cases_open_kind on cases.cases (kind) where state = 'open';
