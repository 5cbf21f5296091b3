-- Types instead of checks on the tables that each request and each callback writes to: PostgreSQL reads a table's checks anew for every
-- statement, and six of them cost a creation as much as its indexes do (measured: 22 of 59 µs).
create domain payments.minor_units as numeric(38,0) check (value >= 0);
create domain payments.owed_units as numeric(38,0) check (value > 0);
create type payments.intent_status as enum ('open', 'processing', 'paid', 'expired', 'canceled', 'failed', 'reversed');
create type payments.inbox_state as enum ('new', 'done', 'parked', 'ignored');

create table payments.intents (
  id text primary key,
  merchant_id text not null,
  owner text not null,
  -- Prefix of the ledger accounts that are credited, 'merchant:mer_…'.
  account text not null,
  livemode boolean not null,
  asset text not null,
  amount payments.owed_units not null,
  -- What arrived and was not taken back, and what was taken back.
  received payments.minor_units not null default 0,
  reversed payments.minor_units not null default 0,
  refunded payments.minor_units not null default 0,
  late boolean not null default false,
  -- Kept by statusOf() in state.ts and written nowhere else.
  status payments.intent_status not null default 'open',
  methods text[] not null,
  description text not null,
  reference text,
  customer jsonb,
  return_url text,
  metadata jsonb not null,
  terms jsonb not null,
  idempotency_key text,
  request_hash text,
  expires_at timestamptz not null,
  canceled_at timestamptz,
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((idempotency_key is null) = (request_hash is null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

create unique index intents_idempotency on payments.intents (merchant_id, idempotency_key) where idempotency_key is not null;
create index intents_newest on payments.intents (merchant_id, id desc);
create index intents_reference on payments.intents (merchant_id, reference) where reference is not null;
-- By status, and within it by when the time ends: the search for what has expired reads this one.
create index idx_payments_status on payments.intents (status, expires_at);
-- Rows arrive in the order of their creation, so a few bytes a page do what a tree would do, at no cost to the insert.
create index idx_payments_created on payments.intents using brin (created_at) with (pages_per_range = 16, autosummarize = on);

create table payments.attempts (
  id text primary key,
  intent_id text not null references payments.intents,
  rail text not null,
  rail_account text not null default 'main',
  method text not null,
  kind text not null check (kind in ('push', 'page')),
  state text not null
    check (state in ('created', 'submitting', 'pending', 'unknown', 'settled', 'failed', 'abandoned')),
  asset text not null,
  amount numeric(38,0) not null check (amount > 0),
  -- The provider's id of it, as soon as it is known.
  reference text,
  redirect_url text,
  payer jsonb not null,
  return_url text not null,
  reason text,
  declined text,
  -- For operators: what made it unknown, what a rail said beside the reason.
  why text,
  -- Money was seen that is not final yet.
  unconfirmed boolean not null default false,
  -- When to look at it next. A claim moves it ahead, which is the lease.
  due_at timestamptz,
  checks integer not null default 0,
  created_at timestamptz not null,
  submitted_at timestamptz,
  ended_at timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

create index attempts_intent on payments.attempts (intent_id, id);
create index attempts_due on payments.attempts (due_at) where due_at is not null;
-- At most one prompt on a phone per intent, whatever the code does.
create unique index attempts_one_push on payments.attempts (intent_id)
  where kind = 'push' and state in ('created', 'submitting', 'pending', 'unknown');
create unique index attempts_reference on payments.attempts (rail, rail_account, reference) where reference is not null;
create index attempts_phone on payments.attempts ((payer ->> 'phone'), created_at) where kind = 'push';

-- Arrivals of money, as they were: rows are written once. What changes about them is in receipt_states, and why in receipt_entries.
create table payments.receipts (
  id text primary key,
  rail text not null,
  rail_account text not null,
  -- The provider's id of the attempt's payment: money is counted once, whatever arrives twice.
  provider_id text not null,
  attempt_id text not null references payments.attempts,
  intent_id text not null references payments.intents,
  asset text not null,
  gross numeric(38,0) not null check (gross > 0),
  -- In the intent's asset; zero when the money came in another one.
  counted numeric(38,0) not null check (counted >= 0),
  fee_asset text,
  fee numeric(38,0) check (fee > 0),
  taken_at timestamptz not null,
  stated boolean not null,
  late boolean not null,
  created_at timestamptz not null,
  unique (rail, rail_account, provider_id)
);
create index receipts_intent on payments.receipts (intent_id, id);
create index receipts_attempt on payments.receipts (attempt_id);

create table payments.receipt_states (
  receipt_id text primary key references payments.receipts,
  rail text not null,
  rail_account text not null,
  -- The number that people see. Filled in once; it may come after the money.
  number text,
  -- Whether the provider itself named the amount.
  stated boolean not null,
  counted numeric(38,0) not null check (counted >= 0),
  reversed numeric(38,0) not null default 0 check (reversed >= 0),
  refunded numeric(38,0) not null default 0 check (refunded >= 0),
  updated_at timestamptz not null,
  check (reversed <= counted),
  check (refunded <= counted)
) with (fillfactor = 80);
create unique index receipt_states_number on payments.receipt_states (rail, rail_account, number) where number is not null;

-- Every way a receipt moved money, in the order it happened. The clearing account is the sum of these rows.
create table payments.receipt_entries (
  id text primary key,
  receipt_id text not null references payments.receipts,
  rail text not null,
  rail_account text not null,
  kind text not null check (kind in ('receipt', 'fee', 'raise', 'lower', 'reversal')),
  asset text not null,
  amount numeric(38,0) not null check (amount > 0),
  -- The provider's id of a reversal.
  provider_id text,
  reason text,
  transfers uuid[] not null check (cardinality(transfers) > 0),
  created_at timestamptz not null,
  check ((kind = 'reversal') = (provider_id is not null))
);
create index receipt_entries_receipt on payments.receipt_entries (receipt_id, id);
create unique index receipt_entries_reversal on payments.receipt_entries (rail, rail_account, provider_id) where provider_id is not null;

-- What providers told us, as it came, before anything is made of it.
create table payments.inbox (
  rail text not null,
  -- The provider's id of the event, else a hash of it.
  event_key text not null,
  raw bytea not null,
  -- The attempt whose token was in the path.
  token_attempt_id text,
  state payments.inbox_state not null default 'new',
  received_at timestamptz not null,
  due_at timestamptz not null,
  -- Until then what cannot be understood or confirmed is tried again; then it waits for a person.
  retry_until timestamptz not null,
  tries integer not null default 0,
  note text,
  primary key (rail, event_key)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index inbox_due on payments.inbox (due_at) where state = 'new';
create index inbox_parked on payments.inbox (received_at) where state = 'parked';

create function payments.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception using errcode = 'PU001', message = format('%s.%s is written once: %s is refused', tg_table_schema, tg_table_name, lower(tg_op));
end$$;
create trigger receipts_written_once before update or delete on payments.receipts
  for each row execute function payments.refuse_change();
create trigger receipts_never_truncated before truncate on payments.receipts
  for each statement execute function payments.refuse_change();
create trigger receipt_entries_written_once before update or delete on payments.receipt_entries
  for each row execute function payments.refuse_change();
create trigger receipt_entries_never_truncated before truncate on payments.receipt_entries
  for each statement execute function payments.refuse_change();

-- The facts of what changes are facts too: a number is filled in once, and what the provider took back is not given again.
create function payments.keep_receipt_facts() returns trigger language plpgsql as $$
begin
  if tg_op <> 'UPDATE' then
    raise exception using errcode = 'PU001', message = 'payments.receipt_states keeps a row for each receipt';
  end if;
  if (new.receipt_id, new.rail, new.rail_account) is distinct from (old.receipt_id, old.rail, old.rail_account)
    or (old.number is not null and new.number is distinct from old.number)
    or (old.stated and not new.stated) or new.reversed < old.reversed or new.refunded < old.refunded
  then
    raise exception using errcode = 'PU001', message = 'payments.receipt_states: a known fact of a receipt cannot be changed';
  end if;
  return new;
end$$;
create trigger receipt_states_keep_facts before update or delete on payments.receipt_states
  for each row execute function payments.keep_receipt_facts();
create trigger receipt_states_never_truncated before truncate on payments.receipt_states
  for each statement execute function payments.refuse_change();

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant usage on schema payments to purser_app;
    grant select, insert, update on payments.intents, payments.attempts, payments.receipt_states, payments.inbox to purser_app;
    grant select, insert on payments.receipts, payments.receipt_entries to purser_app;
  end if;
end$$;
