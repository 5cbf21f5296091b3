-- Money that goes back to payers: what merchants asked for, and what was given back at a provider without us.
create table payments.refunds (
  id text primary key,
  intent_id text not null references payments.intents,
  merchant_id text not null,
  asset text not null,
  amount payments.owed_units not null,
  -- What of it is held of the merchant's money until it is known what became of it; the rest, if any, becomes debt when it succeeds.
  held payments.minor_units not null default 0,
  origin text not null check (origin in ('merchant', 'provider')),
  -- `native`: the way the money came. `claim`: the payer says where to, by a link.
  way text not null check (way in ('native', 'claim')),
  state text not null check (state in
    ('created', 'submitting', 'pending', 'unknown', 'claimable', 'succeeded', 'failed', 'canceled', 'expired')),
  -- How the amount in another asset than the receipt's is worked out.
  amount_basis text not null default 'paid_rate' check (amount_basis in ('paid_rate', 'current_rate', 'fiat')),
  note text not null default '',
  -- Who sends it. Unknown while a link waits for its payer.
  rail text,
  rail_account text not null default 'main',
  -- Where to: a phone, or words for whoever pays by hand.
  phone text,
  destination text,
  -- A link whose sending failed is sent again to where the payer says next; each sending has its number.
  sending integer not null default 0,
  -- The provider's id of the refund, and the number that people see.
  reference text,
  number text,
  reason text,
  why text,
  -- SHA-256 of the link's secret. It says once where the money goes; afterwards it only shows what became of it.
  claim_hash text,
  claim_expires_at timestamptz,
  idempotency_key text,
  request_hash text,
  -- When to look at it next. A claim of the queue moves it ahead, which is the lease.
  due_at timestamptz,
  checks integer not null default 0,
  version integer not null default 1,
  created_at timestamptz not null,
  submitted_at timestamptz,
  ended_at timestamptz,
  check (held <= amount),
  check ((idempotency_key is null) = (request_hash is null)),
  check (state <> 'claimable' or claim_hash is not null)
) with (fillfactor = 80);
create index refunds_intent on payments.refunds (intent_id, id);
create index refunds_newest on payments.refunds (merchant_id, id desc);
create unique index refunds_idempotency on payments.refunds (merchant_id, idempotency_key) where idempotency_key is not null;
create unique index refunds_reference on payments.refunds (rail, rail_account, reference) where reference is not null;
create index refunds_due on payments.refunds (due_at) where due_at is not null;
create index refunds_live on payments.refunds (merchant_id)
  where state in ('created', 'submitting', 'pending', 'unknown', 'claimable');
create index refunds_keys on payments.refunds (created_at) where idempotency_key is not null;

-- Which receipts a refund gives back, and how much of each.
create table payments.refund_parts (
  refund_id text not null references payments.refunds,
  receipt_id text not null references payments.receipts,
  amount numeric(38,0) not null check (amount > 0),
  primary key (refund_id, receipt_id)
);
create index refund_parts_receipt on payments.refund_parts (receipt_id);

create trigger refund_parts_written_once before update or delete on payments.refund_parts
  for each row execute function payments.refuse_change();
create trigger refund_parts_never_truncated before truncate on payments.refund_parts
  for each statement execute function payments.refuse_change();

-- What a refund is about never changes, and one is never taken away.
create function payments.keep_refund_facts() returns trigger language plpgsql as $$
begin
  if tg_op <> 'UPDATE' then
    raise exception using errcode = 'PU001', message = 'payments.refunds keeps every refund';
  end if;
  if (new.id, new.intent_id, new.merchant_id, new.asset, new.amount, new.origin, new.way)
      is distinct from (old.id, old.intent_id, old.merchant_id, old.asset, old.amount, old.origin, old.way)
    or new.sending < old.sending
  then
    raise exception using errcode = 'PU001', message = 'payments.refunds: a known fact of a refund cannot be changed';
  end if;
  return new;
end$$;
create trigger refunds_keep_facts before update or delete on payments.refunds
  for each row execute function payments.keep_refund_facts();
create trigger refunds_never_truncated before truncate on payments.refunds
  for each statement execute function payments.refuse_change();

-- What was given back at a provider before refunds had rows of their own: one for each receipt.
insert into payments.refunds (id, intent_id, merchant_id, asset, amount, origin, way, state, rail, rail_account, sending, created_at, ended_at)
  select 're_' || substr(r.id, 5), r.intent_id, i.merchant_id, r.asset, s.refunded, 'provider', 'native', 'succeeded', r.rail,
    r.rail_account, 1, s.updated_at, s.updated_at
  from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id join payments.intents i on i.id = r.intent_id
  where s.refunded > 0;
insert into payments.refund_parts (refund_id, receipt_id, amount)
  select 're_' || substr(s.receipt_id, 5), s.receipt_id, s.refunded from payments.receipt_states s where s.refunded > 0;

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update on payments.refunds to purser_app;
    grant select, insert on payments.refund_parts to purser_app;
  end if;
end$$;
