-- A chain over the transfers. A seal covers transfers by transaction: identity order is not commit order, so "everything up to seq n"
-- may still grow, while no transfer of a transaction below the oldest running one can appear any more.
create table ledger.seals (
  number bigint primary key,
  -- Covered: seq in (after_seq, last_seq] and xid in [from_xid, to_xid). The xids are those of one database server.
  after_seq bigint not null,
  last_seq bigint not null,
  from_xid bigint not null,
  to_xid bigint not null,
  -- Set on the first seal after a restore into another server, where xids start anew: it covers everything up to last_seq that no
  -- seal before it covers, and the next ones count from there.
  restored boolean not null,
  system_identifier text not null,
  transfers bigint not null,
  -- SHA-256 over the digest before it and the transfers in order of seq; the MAC, keyed outside the database, is over the whole row.
  digest bytea not null,
  mac bytea not null,
  at timestamptz not null,
  check (number > 0 and last_seq >= after_seq and to_xid >= from_xid and transfers >= 0)
);

create function ledger.system_identifier() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select system_identifier::text from pg_control_system()
$$;

-- Waits for the transfers being written and keeps new ones out until the transaction ends. Needed once after a restore.
create function ledger.pause_transfers() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  lock table ledger.transfers in share mode;
end $$;
