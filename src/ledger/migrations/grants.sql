-- Rights of the running program: read, call the functions, add seals.
grant usage on schema ledger to :app_role;
grant select on all tables in schema ledger to :app_role;
grant insert on ledger.seals to :app_role;
grant execute on function
  ledger.open_accounts, ledger.post_one, ledger.post_many, ledger.hold, ledger.settle, ledger.release, ledger.expire_holds,
  ledger.system_identifier, ledger.pause_transfers to :app_role;
