create function ledger.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'LG009', message = tg_table_schema || '.' || tg_table_name || ' only grows: ' || tg_op || ' is refused',
    hint = 'Correct a posting by another posting in the opposite direction.';
end $$;

create trigger only_grows before update or delete or truncate on ledger.transfers
  for each statement execute function ledger.refuse_change();
create trigger only_grows before update or delete or truncate on ledger.seals
  for each statement execute function ledger.refuse_change();
create trigger only_grows before update or delete or truncate on ledger.accounts
  for each statement execute function ledger.refuse_change();
create trigger only_updated before delete or truncate on ledger.balances
  for each statement execute function ledger.refuse_change();
-- In replica mode too, which switches ordinary triggers off.
alter table ledger.transfers enable always trigger only_grows;
alter table ledger.seals enable always trigger only_grows;
alter table ledger.accounts enable always trigger only_grows;
alter table ledger.balances enable always trigger only_updated;

-- The running program reads, calls the functions that keep the rules, and adds seals. Nothing else.
revoke all on all tables in schema ledger from public;
revoke all on all functions in schema ledger from public;
do $$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'purser_app') then
    grant usage on schema ledger to purser_app;
    grant select on all tables in schema ledger to purser_app;
    grant insert on ledger.seals to purser_app;
    grant execute on function
      ledger.open_accounts(text[], text[], boolean[], smallint[], timestamptz),
      ledger.post_one(uuid, bigint, int, bigint, int, numeric, text, text, text, timestamptz),
      ledger.post_many(uuid[], bigint[], int[], bigint[], int[], numeric[], text[], text[], text[], timestamptz),
      ledger.hold(uuid, bigint, text, numeric, timestamptz, timestamptz),
      ledger.settle(uuid, uuid, bigint, int, numeric, text, text, timestamptz),
      ledger.release(uuid, timestamptz),
      ledger.expire_holds(timestamptz, int),
      ledger.system_identifier(),
      ledger.pause_transfers()
      to purser_app;
  end if;
end $$;
