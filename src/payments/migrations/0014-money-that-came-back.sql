-- What of a settlement was freed, and by what: when the refund does not happen or its money comes back, it is held back again as it was.
create table payments.settlement_frees (
  -- The refund, or the transfer of a reversal.
  cause text not null,
  settlement_id text not null references payments.settlements,
  amount numeric(38,0) not null check (amount > 0),
  -- Held back again, by the settlement that it was freed of.
  undone numeric(38,0) not null default 0 check (undone >= 0),
  -- When it turned out that nothing went, or what went came back.
  ended_at timestamptz,
  created_at timestamptz not null,
  primary key (cause, settlement_id),
  check (undone <= amount)
);
create index settlement_frees_settlement on payments.settlement_frees (settlement_id);
insert into payments.settlement_frees (cause, settlement_id, amount, created_at)
  select 'before', id, returned, created_at from payments.settlements where returned > 0;

-- One that is over may be open again.
alter table payments.settlements add column version integer not null default 1;
update payments.settlements set version = 2 where state <> 'pending';

-- The provider's id of the reversal whose money it gives back: money that was counted before.
alter table payments.receipts add column returns text;
alter table payments.receipts disable trigger receipts_written_once;
update payments.receipts r set returns = regexp_replace(r.provider_id, ':(returned|won)$', '')
  where r.provider_id ~ ':(returned|won)$' and exists (select from payments.receipt_entries e
    where e.rail = r.rail and e.rail_account = r.rail_account and e.provider_id = regexp_replace(r.provider_id, ':(returned|won)$', ''));
alter table payments.receipts enable trigger receipts_written_once;

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update on payments.settlement_frees to purser_app;
    grant update (version) on payments.settlements to purser_app;
  end if;
end$$;
