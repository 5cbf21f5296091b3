-- Credits that a merchant gets later, or less a fee. Merchants without a hold and a fee have none.
create table payments.settlements (
  id text primary key,
  merchant_id text not null,
  -- Prefix of the ledger accounts: the money is in `<account>:pending` until then.
  account text not null,
  receipt_id text not null references payments.receipts,
  -- The transfer that credited it.
  transfer_id uuid not null unique,
  asset text not null,
  credited numeric(38,0) not null check (credited > 0),
  -- What went back to the payer before it was settled.
  returned numeric(38,0) not null default 0 check (returned >= 0),
  -- Terms as they were when the money came.
  fee_bps integer not null check (fee_bps between 0 and 10000),
  fee_fixed numeric(38,0) not null check (fee_fixed >= 0),
  -- What was kept of it at the settlement.
  fee numeric(38,0) check (fee >= 0),
  state text not null default 'pending' check (state in ('pending', 'settled', 'returned')),
  due_at timestamptz not null,
  -- When to look at it next. A claim moves it ahead, which is the lease.
  look_at timestamptz,
  created_at timestamptz not null,
  settled_at timestamptz,
  check (returned <= credited),
  check (fee <= credited - returned),
  check ((state = 'pending') = (settled_at is null)),
  check ((state = 'settled') = (fee is not null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index settlements_look on payments.settlements (look_at) where look_at is not null;
create index settlements_merchant on payments.settlements (merchant_id, id desc);
create index settlements_receipt on payments.settlements (receipt_id);
do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert on payments.settlements to purser_app;
    grant update (returned, fee, state, look_at, settled_at) on payments.settlements to purser_app;
  end if;
end$$;
