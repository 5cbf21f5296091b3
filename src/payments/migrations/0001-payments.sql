-- Money in: intents, attempts, receipts, addresses, deposits, exchanges, refunds and settlements.

-- The tables that every request and every callback writes to use domains and enums instead of CHECK constraints. PostgreSQL prepares
-- a table's CHECK constraints for each statement; six of them cost an insert as much as its indexes do (measured: 22 of 59 µs).
-- NaN is greater than every number.
create domain payments.minor_units as numeric(38,0) check (value >= 0 and value <> 'NaN');
create domain payments.owed_units as numeric(38,0) check (value > 0 and value <> 'NaN');
create type payments.intent_status as enum ('open', 'processing', 'paid', 'expired', 'canceled', 'failed', 'reversed');

-- Rejects every change to an append-only table.
create function payments.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception using errcode = 'PU001', message = format('%s.%s is written once: %s is refused', tg_table_schema, tg_table_name, lower(tg_op));
end$$;

-- Intents: one row for each amount due.
create table payments.intents (
  id text primary key,
  merchant_id text not null,
  -- The desk that created the intent and is notified of its changes, such as `gateway`.
  owner text not null,
  -- Prefix of the ledger accounts that are credited, such as `merchant:mer_…`.
  account text not null,
  livemode boolean not null,
  asset text not null, amount payments.owed_units not null,
  -- `received` is the money that arrived, less `reversed`. `refunded` is the part of `reversed` that refunds returned.
  received payments.minor_units not null default 0,
  reversed payments.minor_units not null default 0, refunded payments.minor_units not null default 0,
  -- Money arrived after the intent ended.
  late boolean not null default false,
  -- Only statusOf() computes it.
  status payments.intent_status not null default 'open',
  methods text[] not null,
  description text not null, reference text,
  customer jsonb, return_url text, metadata jsonb not null,
  -- Texts for the payer, as they were when the intent was created.
  terms jsonb not null,
  -- Idempotency key and hash of the request. Both are set to null after 30 days.
  idempotency_key text, request_hash text,
  -- `first_expires_at` is the original end when a manual transfer moved `expires_at`. An idempotent repeat returns it.
  expires_at timestamptz not null, first_expires_at timestamptz, canceled_at timestamptz,
  -- Grows with each visible change.
  version integer not null default 1,
  created_at timestamptz not null, updated_at timestamptz not null,
  check ((idempotency_key is null) = (request_hash is null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create unique index intents_idempotency on payments.intents (merchant_id, idempotency_key) where idempotency_key is not null;
create index intents_newest on payments.intents (merchant_id, id desc);
create index intents_reference on payments.intents (merchant_id, reference) where reference is not null;
-- Intents without a store are not in this index, so they cost no index write.
create index intents_store on payments.intents (merchant_id, (terms ->> 'store'), id desc) where terms ->> 'store' is not null;
-- The search for expired intents uses this index.
create index idx_payments_status on payments.intents (status, expires_at);
-- Rows arrive in creation order, so a BRIN index finds a time range at no cost to the insert.
create index idx_payments_created on payments.intents using brin (created_at) with (pages_per_range = 16, autosummarize = on);

-- Attempts: each try to pay an intent on one rail. A row is committed before the rail is called. Manual transfers are attempts, too.
create table payments.attempts (
  id text primary key,
  intent_id text not null references payments.intents,
  rail text not null, rail_account text not null default 'main',
  method text not null,
  -- `push`: a prompt on the payer's phone. `page`: the provider's page. `address`: the payer sends to an address.
  -- `transfer`: a manual transfer that an operator confirms. `balance`: the customer's prepaid balance.
  kind text not null check (kind in ('push', 'page', 'address', 'transfer', 'balance')),
  state text not null check (state in ('created', 'submitting', 'pending', 'unknown', 'settled', 'failed', 'abandoned')),
  asset text not null, amount numeric(38,0) not null check (amount > 0),
  -- The rate between the intent's asset and the attempt's. Null when both are the same.
  exchange jsonb,
  -- The rail accepts an amount that is this much smaller as full payment. In the intent's asset.
  tolerance numeric(38,0) not null default 0 check (tolerance >= 0),
  -- The provider's id of the attempt, or the code that the payer writes on a manual transfer.
  reference text,
  redirect_url text,
  payer jsonb not null,
  return_url text not null,
  -- Idempotency key of the request. It is looked up among the few attempts of one intent, under the intent's lock: it needs no index.
  request_key text,
  -- Why the attempt failed.
  reason text,
  -- The last refusal while the attempt can still be paid, such as a declined card.
  declined text,
  -- Details for operators: the error behind an unknown result, or the provider's own text.
  why text,
  -- The rail reported money that is not final yet.
  unconfirmed boolean not null default false,
  -- Instance that submits or polls the attempt, and the number of its claim.
  claimed_by text, claim bigint not null default 0,
  -- Next poll. `checks` counts the polls.
  -- `ends_at`: when the payer can no longer pay: the end of a prompt or a manual transfer. Null: only the provider knows.
  due_at timestamptz, checks integer not null default 0, ends_at timestamptz,
  created_at timestamptz not null, submitted_at timestamptz, ended_at timestamptz,
  -- Kinds `address` and `transfer`: where the payer sends the money. `payment_uri` opens a wallet.
  address text, payment_uri text,
  -- The amount that the payer still has to send, less deposits that are not final yet.
  due numeric(38,0) check (due >= 0),
  -- The key and the index that the address is derived from. The index becomes null when an address that no payer saw is released.
  index_space text, address_index integer check (address_index >= 0),
  -- Every poll includes the address until this time. Afterwards only the daily sweep does.
  watch_until timestamptz,
  -- Kind `transfer`: when the payer declared the transfer as sent, and the payer's note.
  sent_at timestamptz, sent_note text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
create index attempts_intent on payments.attempts (intent_id, id);
create index attempts_due on payments.attempts (due_at) where due_at is not null and claimed_by is null;
create index attempts_claimed on payments.attempts (claimed_by) where claimed_by is not null;
-- At most one live prompt for each intent, whatever the code does.
create unique index attempts_one_push on payments.attempts (intent_id)
  where kind = 'push' and state in ('created', 'submitting', 'pending', 'unknown');
create unique index attempts_reference on payments.attempts (rail, rail_account, reference) where reference is not null;
create index attempts_phone on payments.attempts ((payer ->> 'phone'), created_at) where kind = 'push';
create unique index attempts_address on payments.attempts (index_space, address_index) where address_index is not null;
create index attempts_watched on payments.attempts (rail, watch_until) where watch_until is not null;
-- Manual transfers that wait for an operator.
create index attempts_transfers on payments.attempts (sent_at, id)
  where kind = 'transfer' and sent_at is not null and state in ('pending', 'unknown');

-- Receipts: money as it arrived. Append-only. `receipt_states` holds what changes, `receipt_entries` each change.
create table payments.receipts (
  id text primary key,
  rail text not null, rail_account text not null,
  -- The provider's id of the payment. The unique constraint makes each payment count once.
  provider_id text not null,
  attempt_id text not null references payments.attempts, intent_id text not null references payments.intents,
  -- Copied from the intent, so that exports list a merchant's receipts in the order of recording.
  merchant_id text not null,
  asset text not null, gross numeric(38,0) not null check (gross > 0),
  -- In the intent's asset. Zero when the money arrived in another asset and was not exchanged.
  counted numeric(38,0) not null check (counted >= 0),
  -- The provider's fee, when the provider states it.
  fee_asset text, fee numeric(38,0) check (fee > 0),
  -- When the provider took the payment.
  taken_at timestamptz not null,
  -- The provider stated `gross`. False: the provider names no amount, so the attempt's amount is used.
  stated boolean not null, late boolean not null,
  -- The provider's id of the reversal whose money this receipt returns, such as a dispute that was won.
  returns text,
  created_at timestamptz not null,
  unique (rail, rail_account, provider_id)
);
create index receipts_intent on payments.receipts (intent_id, id);
create index receipts_attempt on payments.receipts (attempt_id);
create index receipts_newest on payments.receipts (merchant_id, id desc);
-- Rows arrive nearly in the order of `taken_at`, so a BRIN index finds a time range.
create index receipts_taken on payments.receipts using brin (taken_at) with (pages_per_range = 16, autosummarize = on);

create table payments.receipt_states (
  receipt_id text primary key references payments.receipts,
  rail text not null, rail_account text not null,
  -- The receipt number that people see. It is set once, and may become known after the money arrived.
  number text,
  stated boolean not null,
  counted numeric(38,0) not null check (counted >= 0),
  reversed numeric(38,0) not null default 0 check (reversed >= 0), refunded numeric(38,0) not null default 0 check (refunded >= 0),
  -- Money that left beyond `counted`, less the part that was returned later. In the intent's asset.
  excess payments.minor_units not null default 0,
  updated_at timestamptz not null,
  check (reversed <= counted), check (refunded <= counted)
) with (fillfactor = 80);
create unique index receipt_states_number on payments.receipt_states (rail, rail_account, number) where number is not null;

-- The postings of each receipt, in order, with their ledger transfers. Append-only. A clearing account's balance is the sum of its rows.
create table payments.receipt_entries (
  id text primary key,
  receipt_id text not null references payments.receipts,
  rail text not null, rail_account text not null,
  kind text not null check (kind in ('receipt', 'fee', 'raise', 'lower', 'reversal')),
  asset text not null, amount numeric(38,0) not null check (amount > 0),
  -- The provider's id of a reversal.
  provider_id text,
  reason text,
  transfers uuid[] not null check (cardinality(transfers) > 0),
  created_at timestamptz not null,
  -- The part of `amount` that left beyond the rest of the receipt, or that returns such money. It does not change `counted`.
  excess numeric(38,0) not null default 0,
  check ((kind = 'reversal') = (provider_id is not null)),
  constraint receipt_entries_excess check (excess >= 0 and excess <= amount)
);
create index receipt_entries_receipt on payments.receipt_entries (receipt_id, id);
create unique index receipt_entries_reversal on payments.receipt_entries (rail, rail_account, provider_id) where provider_id is not null;

-- A receipt's number is set once. `reversed` and `refunded` never decrease.
create function payments.keep_receipt_facts() returns trigger language plpgsql as $$
begin
  if tg_op <> 'UPDATE' then raise exception using errcode = 'PU001', message = 'payments.receipt_states keeps a row for each receipt'; end if;
  if (new.receipt_id, new.rail, new.rail_account) is distinct from (old.receipt_id, old.rail, old.rail_account)
    or (old.number is not null and new.number is distinct from old.number)
    or (old.stated and not new.stated) or new.reversed < old.reversed or new.refunded < old.refunded then
    raise exception using errcode = 'PU001', message = 'payments.receipt_states: a known fact of a receipt cannot be changed';
  end if;
  return new;
end$$;

-- Address indexes: the next index of each key.
create table payments.address_indexes (
  space text primary key, next integer not null default 0 check (next >= 0),
  -- Highest index that received money. A wallet scans only a limited number of addresses beyond it (its gap limit).
  used integer not null default -1
);
-- Allocated indexes whose address no payer saw. They are allocated before new ones.
create table payments.free_indexes (
  space text not null, index integer not null,
  primary key (space, index)
);

-- Deposits: money at an address, with the rail's latest report on it. A final deposit has a receipt with the same `provider_id`.
create table payments.deposits (
  rail text not null, rail_account text not null,
  provider_id text not null,
  attempt_id text not null references payments.attempts,
  asset text not null, gross numeric(38,0) not null check (gross > 0),
  -- `seen`: not final. `final`: counted. `gone`: replaced, or removed by a reorg.
  state text not null check (state in ('seen', 'final', 'gone')),
  -- The intent had ended when the deposit was first seen.
  late boolean not null,
  seen_at timestamptz not null,
  -- Confirmations: the present and the required number.
  have integer, need integer,
  -- `unconfirmed`: the deposit is final without a confirmation, so it is easier to reverse.
  risk text,
  -- The rate that applies: the attempt's while that is locked, otherwise the rate at the deposit's arrival.
  exchange jsonb,
  -- In the intent's asset. Null until the deposit is final.
  counted numeric(38,0) check (counted >= 0),
  updated_at timestamptz not null,
  primary key (rail, rail_account, provider_id)
) with (fillfactor = 80);
create index deposits_attempt on payments.deposits (attempt_id);

-- Exchanges of received money into the intent's asset (`in`), and their reversals (`back`). Append-only.
create table payments.exchanges (
  id text primary key,
  receipt_id text not null references payments.receipts,
  kind text not null check (kind in ('in', 'back')),
  from_asset text not null, gross numeric(38,0) not null check (gross > 0),
  -- The operator's share of `gross`.
  spread numeric(38,0) not null check (spread >= 0 and spread <= gross),
  to_asset text not null, counted numeric(38,0) not null check (counted >= 0),
  -- The part of `counted` that left beyond the rest of the receipt.
  excess numeric(38,0) not null default 0 constraint exchanges_excess check (excess >= 0 and excess <= counted),
  -- The rate, as a fraction: units of the second asset's currency for one unit of the first.
  numerator numeric not null check (numerator > 0 and scale(numerator) = 0),
  denominator numeric not null check (denominator > 0 and scale(denominator) = 0),
  sources text[] not null, rate_at timestamptz not null,
  transfers uuid[] not null check (cardinality(transfers) > 0),
  created_at timestamptz not null
);
create index exchanges_receipt on payments.exchanges (receipt_id);

-- Refunds: requested here, or made by the operator at the provider (origin `provider`).
create table payments.refunds (
  id text primary key,
  intent_id text not null references payments.intents,
  merchant_id text not null,
  asset text not null, amount payments.owed_units not null,
  -- Money of the merchant that is on hold until the result is known. On success the rest of `amount` becomes debt.
  held payments.minor_units not null default 0,
  origin text not null check (origin in ('merchant', 'provider')),
  -- `native`: to the original payment method. `claim`: by a refund link, on which the payer enters the destination.
  way text not null check (way in ('native', 'claim')),
  state text not null check (state in ('created', 'submitting', 'pending', 'unknown', 'claimable', 'succeeded', 'failed', 'canceled', 'expired')),
  -- How the amount is computed when the payment was made in another asset.
  amount_basis text not null default 'paid_rate' check (amount_basis in ('paid_rate', 'current_rate', 'fiat')),
  note text not null default '',
  -- The rail that sends the refund, or `hand` for the operator. Null while a link waits for its payer.
  rail text, rail_account text not null default 'main',
  -- Destination: a phone, or free text for the operator.
  phone text, destination text,
  -- Number of the current sending. A link can be claimed again after its sending failed, which starts the next sending.
  sending integer not null default 0,
  -- The sending that debited the merchant. If another sending succeeds, money left twice.
  taken_sending integer,
  -- The provider's id of the refund, and the receipt number that people see.
  reference text, number text,
  -- Why the refund failed, and details for operators.
  reason text, why text,
  -- SHA-256 of the link's secret. The link accepts a destination once; afterwards it shows the result.
  claim_hash text, claim_expires_at timestamptz,
  idempotency_key text, request_hash text,
  -- Claim, next poll and number of polls, as in `attempts`.
  claimed_by text, claim bigint not null default 0,
  due_at timestamptz, checks integer not null default 0,
  version integer not null default 1,
  created_at timestamptz not null, submitted_at timestamptz, ended_at timestamptz,
  check (held <= amount),
  check ((idempotency_key is null) = (request_hash is null)),
  check (state <> 'claimable' or claim_hash is not null)
) with (fillfactor = 80);
create index refunds_intent on payments.refunds (intent_id, id);
create index refunds_newest on payments.refunds (merchant_id, id desc);
create unique index refunds_idempotency on payments.refunds (merchant_id, idempotency_key) where idempotency_key is not null;
create unique index refunds_reference on payments.refunds (rail, rail_account, reference) where reference is not null;
create index refunds_due on payments.refunds (due_at) where due_at is not null and claimed_by is null;
create index refunds_claimed on payments.refunds (claimed_by) where claimed_by is not null;
create index refunds_live on payments.refunds (merchant_id)
  where state in ('created', 'submitting', 'pending', 'unknown', 'claimable');
create index refunds_keys on payments.refunds (created_at) where idempotency_key is not null;
-- Refunds that may need an operator: manual payments, or refunds without an answer.
create index refunds_untold on payments.refunds (submitted_at) where state in ('pending', 'unknown');

-- The receipts that a refund returns, and how much of each. Append-only.
create table payments.refund_parts (
  refund_id text not null references payments.refunds,
  receipt_id text not null references payments.receipts,
  amount numeric(38,0) not null check (amount > 0),
  primary key (refund_id, receipt_id)
);
create index refund_parts_receipt on payments.refund_parts (receipt_id);

-- A refund keeps its payment, amount and origin, and is never deleted.
create function payments.keep_refund_facts() returns trigger language plpgsql as $$
begin
  if tg_op <> 'UPDATE' then raise exception using errcode = 'PU001', message = 'payments.refunds keeps every refund'; end if;
  if (new.id, new.intent_id, new.merchant_id, new.asset, new.amount, new.origin, new.way, new.claim_hash)
      is distinct from (old.id, old.intent_id, old.merchant_id, old.asset, old.amount, old.origin, old.way, old.claim_hash)
    or new.sending < old.sending then
    raise exception using errcode = 'PU001', message = 'payments.refunds: a known fact of a refund cannot be changed';
  end if;
  return new;
end$$;

-- Settlements: credits that a merchant gets later, or less a fee. Merchants without hold days and fees have none.
create table payments.settlements (
  id text primary key,
  merchant_id text not null,
  -- Prefix of the ledger accounts. The money is in `<account>:pending` until the settlement.
  account text not null,
  receipt_id text not null references payments.receipts,
  -- The ledger transfer that credited the money.
  transfer_id uuid not null unique,
  asset text not null, credited numeric(38,0) not null check (credited > 0),
  -- Money that was returned to the payer before the settlement.
  returned numeric(38,0) not null default 0 check (returned >= 0),
  -- Fee terms at the time of the receipt, and the fee that the settlement kept.
  fee_bps integer not null check (fee_bps between 0 and 10000), fee_fixed numeric(38,0) not null check (fee_fixed >= 0),
  fee numeric(38,0) check (fee >= 0),
  state text not null default 'pending' check (state in ('pending', 'settled', 'returned')),
  -- Grows with each change of state. A settlement that has ended can become pending again.
  version integer not null default 1,
  due_at timestamptz not null,
  -- Next run.
  look_at timestamptz,
  -- Instance that settles it, and the number of its claim.
  claimed_by text, claim bigint not null default 0,
  created_at timestamptz not null, settled_at timestamptz,
  check (returned <= credited), check (fee <= credited - returned),
  check ((state = 'pending') = (settled_at is null)), check ((state = 'settled') = (fee is not null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index settlements_look on payments.settlements (look_at) where look_at is not null and claimed_by is null;
create index settlements_claimed on payments.settlements (claimed_by) where claimed_by is not null;
create index settlements_merchant on payments.settlements (merchant_id, id desc);
create index settlements_receipt on payments.settlements (receipt_id);

-- Money that a settlement released before its due date. It is held again when the refund fails or its money is returned.
create table payments.settlement_frees (
  -- The id of the refund, or of the transfer of a reversal.
  cause text not null,
  settlement_id text not null references payments.settlements,
  amount numeric(38,0) not null check (amount > 0),
  -- The part that the same settlement holds again.
  undone numeric(38,0) not null default 0 check (undone >= 0),
  -- `ended_at`: when the refund failed, or its money was returned.
  created_at timestamptz not null, ended_at timestamptz,
  primary key (cause, settlement_id),
  check (undone <= amount)
);
create index settlement_frees_settlement on payments.settlement_frees (settlement_id);

-- Watching: one row for the polls of each rail, and one for its daily sweep over all addresses (`<rail>:sweep`). A process claims a
-- poll. Only the process with the latest claim may store the result.
create table payments.watches (
  rail text primary key,
  cursor text,
  -- Start of the last poll that reached the newest data. The next poll includes each address whose `watch_until` is later than that.
  caught_up_at timestamptz,
  due_at timestamptz not null,
  -- Instance that polls, and the number of its claim.
  claimed_by text, claim bigint not null default 0,
  -- The poll was requested during the poll under way, so another one follows.
  woken boolean not null default false,
  failing_since timestamptz, problem text
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
create index watches_claimed on payments.watches (claimed_by) where claimed_by is not null;

-- Whether a rail answers queries about attempts. Every instance reads it for its health; workers write it, at most every few seconds.
create table payments.rail_queries (
  rail text primary key,
  -- First failure since the last answer, null after an answer.
  failing_since timestamptz,
  failed_at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Tallies: the number of intents created before each quarter of an hour, so that no query counts all intents.
create table payments.tallies (
  until timestamptz primary key,
  created bigint not null check (created >= 0)
);
