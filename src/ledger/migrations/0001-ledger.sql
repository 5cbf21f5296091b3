-- The ledger: tables, functions, rights. The program reads tables and calls functions; it cannot write balances or transfers itself.

-- `code` has the collation "C", so that a prefix search is a range of the index.
create table ledger.accounts (
  id bigint generated always as identity primary key,
  code text collate "C" not null,
  asset text not null,
  nonneg boolean not null,
  shards smallint not null default 1,
  opened_at timestamptz not null,
  unique (code, asset),
  check (code ~ '^[a-z0-9][A-Za-z0-9:._-]*$' and length(code) <= 200),
  check (asset ~ '^[A-Z0-9]{2,12}/[0-9]{1,2}$'),
  check (shards between 1 and 256),
  -- The balance of a sharded account is known only after its shards are added up, so it cannot refuse to go below zero.
  check (shards = 1 or not nonneg)
);

-- One row for each shard of an account. It repeats asset, nonneg and shards, so that a single UPDATE can decide.
-- PostgreSQL evaluates each CHECK per statement (1 to 3 µs on a path of 60), so only checks that guard money are here.
create table ledger.balances (
  account bigint not null,
  shard smallint not null,
  asset text not null,
  nonneg boolean not null,
  shards smallint not null,
  posted numeric(38,0) not null default 0,
  held numeric(38,0) not null default 0,
  primary key (account, shard),
  constraint no_overdraft check (not nonneg or posted >= held)
-- Rows are updated in place all the time: free space on each page allows HOT updates, and vacuum removes dead versions at once.
) with (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- A domain instead of a CHECK on the table: PostgreSQL caches the compiled condition of a domain. The functions take amounts of this type,
-- so a fraction is rounded before both balances move, and NaN, which is greater than every number, is refused.
create domain ledger.amount as numeric(38,0) constraint transfer_moves check (value > 0 and value <> 'NaN');

-- Append-only. Foreign keys would cost 8 % (many accounts) to 40 % (one hot account); the UPDATE of balances finds unknown accounts.
create table ledger.transfers (
  id uuid primary key,
  seq bigint generated always as identity,
  xid bigint not null default pg_current_xact_id()::text::bigint,
  src bigint not null,
  dst bigint not null,
  amount ledger.amount not null,
  asset text not null,
  kind text not null,
  ref text not null,
  at timestamptz not null
);
create index transfers_src on ledger.transfers (src, seq);
create index transfers_dst on ledger.transfers (dst, seq);
-- Seals scan transfers by transaction.
create index transfers_xid on ledger.transfers using brin (xid) with (pages_per_range = 32, autosummarize = on);

-- Money reserved on an account. A hold is resolved once: settled (for at most its amount), released or expired.
create table ledger.holds (
  id uuid primary key,
  account bigint not null,
  asset text not null,
  amount ledger.amount not null,
  state text not null default 'open' check (state in ('open', 'settled', 'released', 'expired')),
  transfer uuid, -- the transfer that settled it
  expires_at timestamptz not null,
  at timestamptz not null,
  resolved_at timestamptz,
  check ((state = 'open') = (resolved_at is null)),
  check ((state = 'settled') = (transfer is not null))
);
create index holds_due on ledger.holds (expires_at) where state = 'open';
create index holds_open on ledger.holds (account) where state = 'open';

-- Hash chain over the transfers. A seal covers a range of transactions: sequence numbers are not assigned in commit order, so a range
-- of seq may still grow, while a transaction older than the oldest running one cannot add transfers any more.
create table ledger.seals (
  number bigint primary key,
  -- Covers seq in (after_seq, last_seq] and xid in [from_xid, to_xid]. Transaction ids belong to one database server.
  after_seq bigint not null,
  last_seq bigint not null,
  from_xid bigint not null,
  to_xid bigint not null,
  -- True on the first seal after a restore into another server: it covers everything up to last_seq that earlier seals do not.
  restored boolean not null,
  system_identifier text not null,
  transfers bigint not null,
  -- SHA-256 over the previous digest and the transfers by seq. The MAC covers the row; its key is outside the database.
  digest bytea not null,
  mac bytea not null,
  at timestamptz not null,
  check (number > 0 and last_seq >= after_seq and to_xid >= from_xid and transfers >= 0)
);

create function ledger.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'LG009', message = tg_table_schema || '.' || tg_table_name || ' only grows: ' || tg_op || ' is refused',
    hint = 'Correct a posting by another posting in the opposite direction.';
end $$;
create trigger only_grows before update or delete or truncate on ledger.transfers for each statement execute function ledger.refuse_change();
create trigger only_grows before update or delete or truncate on ledger.seals for each statement execute function ledger.refuse_change();
create trigger only_grows before update or delete or truncate on ledger.accounts for each statement execute function ledger.refuse_change();
create trigger only_updated before delete or truncate on ledger.balances for each statement execute function ledger.refuse_change();
-- `enable always` keeps them active in replica mode, which disables ordinary triggers.
alter table ledger.transfers enable always trigger only_grows;
alter table ledger.seals enable always trigger only_grows;
alter table ledger.accounts enable always trigger only_grows;
alter table ledger.balances enable always trigger only_updated;

-- Error codes of the functions; DETAIL names the object: LG001 unknown account, LG002 repeated id with other content, LG003 insufficient
-- funds, LG004 hold on an account without limit, LG005 more than was held, LG006 transfer to itself, LG009 change of append-only rows.

-- Opens the accounts that do not exist, all or none. Returns every requested account with its stored policy.
create function ledger.open_accounts(p_codes text[], p_assets text[], p_nonneg boolean[], p_shards smallint[], p_at timestamptz)
returns table (id bigint, code text, asset text, nonneg boolean, shards smallint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  with opened as (
    -- In one order, so that two that open the same accounts wait for each other instead of deadlocking.
    insert into ledger.accounts (code, asset, nonneg, shards, opened_at)
      select t.code, t.asset, t.nonneg, t.shards, p_at from unnest(p_codes, p_assets, p_nonneg, p_shards) t(code, asset, nonneg, shards)
      order by t.code collate "C", t.asset
    on conflict (code, asset) do nothing returning *
  )
  insert into ledger.balances (account, shard, asset, nonneg, shards)
    select o.id, s, o.asset, o.nonneg, o.shards from opened o, generate_series(0, o.shards - 1) s;
  return query
    select a.id, a.code, a.asset, a.nonneg, a.shards
    from unnest(p_codes, p_assets) t(code, asset) join ledger.accounts a on a.code = t.code and a.asset = t.asset;
end $$;

-- Name of the first field in which a transfer differs from the posted one with its id; null when none differs.
create function ledger.differing_field(
  old ledger.transfers, p_src bigint, p_dst bigint, p_amount numeric, p_asset text, p_kind text, p_ref text
) returns text language sql immutable as $$
  select case
    when old.asset <> p_asset then 'asset'
    when old.src <> p_src then 'from' when old.dst <> p_dst then 'to'
    when old.amount <> p_amount then 'amount'
    when old.kind <> p_kind then 'kind' when old.ref <> p_ref then 'ref'
  end
$$;

-- For an id that was posted before: false when the content is the same, otherwise LG002 with the field.
create function ledger.repeat_transfer(p_id uuid, p_src bigint, p_dst bigint, p_amount numeric, p_asset text, p_kind text, p_ref text)
returns boolean language plpgsql as $$
declare old ledger.transfers; field text;
begin
  select * into strict old from ledger.transfers where id = p_id;
  field := ledger.differing_field(old, p_src, p_dst, p_amount, p_asset, p_kind, p_ref);
  if field is null then return false; end if;
  raise exception using errcode = 'LG002', message = 'ledger.transfer-mismatch', detail = p_id || ' ' || field;
end $$;

-- Raises the reason why an UPDATE of balances matched too few rows: the first account missing in this asset, else the payer.
create function ledger.refuse_move(p_payer bigint, p_accounts bigint[], p_asset text) returns void language plpgsql as $$
declare missing bigint;
begin
  select min(a) into missing from unnest(p_accounts) a
    where not exists (select from ledger.balances where account = a and asset = p_asset);
  if missing is not null then
    raise exception using errcode = 'LG001', message = 'ledger.unknown-account', detail = missing || ' ' || p_asset;
  end if;
  if p_accounts[1] = p_accounts[2] then
    raise exception using errcode = 'LG006', message = 'ledger.transfer-to-itself', detail = p_payer::text;
  end if;
  raise exception using errcode = 'LG003', message = 'ledger.insufficient-funds', detail = p_payer::text;
end $$;

-- Posts one transfer. True when it was posted now, false when it was posted before. Each connection uses one shard of a sharded
-- account, so connections do not wait for each other. The caller passes the number of shards, so that rows are found by their full
-- key; a busy account has many dead versions. The WHERE clause refuses first, with a reason; the CHECK on the table is the last line
-- of defence. Both balances are locked in ascending order of account: an index scan for a list of accounts goes in key order, and the
-- planner settings leave no other plan. Two UPDATEs take a sixth longer; one UPDATE for both kinds of accounts a fifteenth.
create function ledger.post_one(
  p_id uuid, p_src bigint, p_src_shards int, p_dst bigint, p_dst_shards int,
  p_amount ledger.amount, p_asset text, p_kind text, p_ref text, p_at timestamptz
) returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off as $$
declare src_shard int := pg_backend_pid() % p_src_shards; dst_shard int := pg_backend_pid() % p_dst_shards; moved int;
begin
  insert into ledger.transfers (id, src, dst, amount, asset, kind, ref, at)
    values (p_id, p_src, p_dst, p_amount, p_asset, p_kind, p_ref, p_at) on conflict (id) do nothing;
  if not found then return ledger.repeat_transfer(p_id, p_src, p_dst, p_amount, p_asset, p_kind, p_ref); end if;
  if p_src_shards + p_dst_shards = 2 then
    update ledger.balances set posted = posted + case account when p_src then -p_amount else p_amount end
      where account = any (array[p_src, p_dst]) and shard = 0 and asset = p_asset
        and (account = p_dst or not nonneg or posted - p_amount >= held);
  else
    update ledger.balances set posted = posted + case account when p_src then -p_amount else p_amount end
      where account = any (array[p_src, p_dst]) and shard = any (array[src_shard, dst_shard])
        and shard = case account when p_src then src_shard else dst_shard end and asset = p_asset
        and (account = p_dst or not nonneg or posted - p_amount >= held);
  end if;
  get diagnostics moved = row_count;
  if moved < 2 then perform ledger.refuse_move(p_src, array[p_src, p_dst], p_asset); end if;
  return true;
end $$;

-- Explains why a batch was not written as a whole: raises, or returns when all of it was posted before with the same content.
create function ledger.check_repeat(
  p_written bigint, p_id uuid[], p_src bigint[], p_dst bigint[], p_amount numeric[], p_asset text[], p_kind text[], p_ref text[]
) returns void language plpgsql as $$
declare bad record; before uuid;
begin
  select g.id, ledger.differing_field(o, g.src, g.dst, g.amount, g.asset, g.kind, g.ref) as field into bad
    from unnest(p_id, p_src, p_dst, p_amount, p_asset, p_kind, p_ref) g(id, src, dst, amount, asset, kind, ref)
    join ledger.transfers o on o.id = g.id
    where ledger.differing_field(o, g.src, g.dst, g.amount, g.asset, g.kind, g.ref) is not null
    order by g.id limit 1;
  if found then
    raise exception using errcode = 'LG002', message = 'ledger.transfer-mismatch', detail = bad.id || ' ' || bad.field;
  end if;
  if p_written = 0 then return; end if;
  -- Prefers a transfer that an earlier transaction posted; otherwise takes one of this transaction.
  select id into strict before from ledger.transfers where id = any (p_id) order by xid = pg_current_xact_id()::text::bigint, id limit 1;
  raise exception using errcode = 'LG002', message = 'ledger.transfer-mismatch', detail = before || ' partly-posted';
end $$;

-- Raises LG001 with the first account of a batch that does not exist in its asset.
create function ledger.refuse_unknown(p_account bigint[], p_asset text[]) returns void language plpgsql as $$
begin
  raise exception using errcode = 'LG001', message = 'ledger.unknown-account', detail = (
    select e.account || ' ' || e.asset from unnest(p_account, p_asset) e(account, asset)
    where not exists (select from ledger.balances b where b.account = e.account and b.asset = e.asset)
    order by e.account limit 1);
end $$;

-- Posts many transfers, all or none. True when they were posted now, false when all of them were posted before.
create function ledger.post_many(
  p_id uuid[], p_src bigint[], p_src_shards int[], p_dst bigint[], p_dst_shards int[],
  p_amount ledger.amount[], p_asset text[], p_kind text[], p_ref text[], p_at timestamptz
) returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine int := pg_backend_pid();
  written bigint; wanted bigint; found_rows bigint; short bigint;
begin
  if exists (select from unnest(p_src, p_dst) g(src, dst) where g.src = g.dst) then
    raise exception using errcode = 'LG006', message = 'ledger.transfer-to-itself';
  end if;
  -- Ids in one order: two batches with the same ids wait for each other.
  insert into ledger.transfers (id, src, dst, amount, asset, kind, ref, at)
    select g.id, g.src, g.dst, g.amount, g.asset, g.kind, g.ref, p_at
    from unnest(p_id, p_src, p_dst, p_amount, p_asset, p_kind, p_ref) g(id, src, dst, amount, asset, kind, ref)
    order by g.id on conflict (id) do nothing;
  get diagnostics written = row_count;
  if written < cardinality(p_id) then
    perform ledger.check_repeat(written, p_id, p_src, p_dst, p_amount, p_asset, p_kind, p_ref);
    return false;
  end if;
  -- New balance of each account, locked in one order. The locked rows are the newest versions, so they decide about funds.
  with entries as (
    select account, shards, asset, sum(delta) as delta
    from (select unnest(p_src) as account, unnest(p_src_shards) as shards, unnest(p_asset) as asset, -unnest(p_amount) as delta
          union all select unnest(p_dst), unnest(p_dst_shards), unnest(p_asset), unnest(p_amount)) e
    group by account, shards, asset
  ), locked as materialized (
    select b.account, b.shard, b.nonneg, b.held, b.posted + e.delta as posted
    from entries e join ledger.balances b on b.account = e.account and b.shard = mine % e.shards and b.asset = e.asset
    order by b.account, b.shard for no key update of b
  ), updated as (
    update ledger.balances b set posted = l.posted from locked l
    where b.account = l.account and b.shard = l.shard and (not l.nonneg or l.posted >= l.held)
    returning b.account
  )
  select (select count(*) from entries), (select count(*) from locked), (select count(*) from updated),
      (select min(account) from locked where nonneg and posted < held)
    into wanted, found_rows, written, short;
  if written = wanted then return true; end if;
  if found_rows < wanted then perform ledger.refuse_unknown(p_src || p_dst, p_asset || p_asset); end if;
  raise exception using errcode = 'LG003', message = 'ledger.insufficient-funds', detail = short::text;
end $$;

-- Changes a balance and its held part. Never makes the held part negative.
create function ledger.move(p_account bigint, p_asset text, p_delta numeric, p_held numeric, p_shard int)
returns void language plpgsql as $$
begin
  update ledger.balances set posted = posted + p_delta, held = held + p_held
    where account = p_account and asset = p_asset and shard = p_shard
      and (not nonneg or posted + p_delta >= held + p_held) and held + p_held >= 0;
  if not found then perform ledger.refuse_move(p_account, array[p_account], p_asset); end if;
end $$;

-- Places a hold. False when the funds are insufficient; true when it is placed, now or before. LG004: a hold would reserve nothing.
create function ledger.hold(p_id uuid, p_account bigint, p_asset text, p_amount ledger.amount, p_expires_at timestamptz, p_at timestamptz)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare old ledger.holds; balance ledger.balances;
begin
  insert into ledger.holds (id, account, asset, amount, expires_at, at)
    values (p_id, p_account, p_asset, p_amount, p_expires_at, p_at) on conflict (id) do nothing;
  if not found then
    select * into strict old from ledger.holds where id = p_id;
    if (old.asset, old.account, old.amount) is distinct from (p_asset, p_account, p_amount) then
      raise exception using errcode = 'LG002', message = 'ledger.hold-mismatch', detail = p_id || ' ' || case
        when old.asset <> p_asset then 'asset' when old.account <> p_account then 'account' else 'amount' end;
    end if;
    return true;
  end if;
  update ledger.balances set held = held + p_amount
    where account = p_account and asset = p_asset and shard = 0 and nonneg and posted >= held + p_amount;
  if found then return true; end if;
  select * into balance from ledger.balances where account = p_account and asset = p_asset and shard = 0;
  if not found then
    raise exception using errcode = 'LG001', message = 'ledger.unknown-account', detail = p_account || ' ' || p_asset;
  elsif not balance.nonneg then
    raise exception using errcode = 'LG004', message = 'ledger.hold-without-limit', detail = p_account::text;
  end if;
  -- The hold may be placed later under the same id.
  delete from ledger.holds where id = p_id;
  return false;
end $$;

-- Settles a hold by a transfer. True when this transfer settled it, now or before; false when the hold is unknown or was resolved in
-- another way. LG005: the amount is more than was held.
create function ledger.settle(
  p_hold uuid, p_id uuid, p_dst bigint, p_dst_shards int, p_amount ledger.amount, p_kind text, p_ref text, p_at timestamptz
) returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare h ledger.holds; part int := pg_backend_pid() % p_dst_shards;
begin
  select * into h from ledger.holds where id = p_hold for no key update;
  if not found then return false; end if;
  if h.state = 'settled' and h.transfer = p_id then
    -- Raises when the repeat has other content.
    perform ledger.repeat_transfer(p_id, h.account, p_dst, p_amount, h.asset, p_kind, p_ref);
    return true;
  end if;
  if h.state <> 'open' then return false; end if;
  if p_amount > h.amount then
    raise exception using errcode = 'LG005', message = 'ledger.hold-exceeded', detail = p_hold || ' ' || h.amount;
  elsif h.account = p_dst then
    raise exception using errcode = 'LG006', message = 'ledger.transfer-to-itself', detail = p_dst::text;
  end if;
  insert into ledger.transfers (id, src, dst, amount, asset, kind, ref, at)
    values (p_id, h.account, p_dst, p_amount, h.asset, p_kind, p_ref, p_at) on conflict (id) do nothing;
  if not found then raise exception using errcode = 'LG002', message = 'ledger.transfer-mismatch', detail = p_id || ' hold'; end if;
  update ledger.holds set state = 'settled', transfer = p_id, resolved_at = p_at where id = p_hold;
  if h.account < p_dst then
    perform ledger.move(h.account, h.asset, -p_amount, -h.amount, 0);
    perform ledger.move(p_dst, h.asset, p_amount, 0, part);
  else
    perform ledger.move(p_dst, h.asset, p_amount, 0, part);
    perform ledger.move(h.account, h.asset, -p_amount, -h.amount, 0);
  end if;
  return true;
end $$;

-- Releases a hold. True when it is released or expired, now or before; false when it is unknown or was settled.
create function ledger.release(p_hold uuid, p_at timestamptz)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare h ledger.holds;
begin
  select * into h from ledger.holds where id = p_hold for no key update;
  if not found then return false; end if;
  if h.state <> 'open' then return h.state in ('released', 'expired'); end if;
  update ledger.holds set state = 'released', resolved_at = p_at where id = p_hold;
  perform ledger.move(h.account, h.asset, 0, -h.amount, 0);
  return true;
end $$;

-- Expires at most p_limit due holds and returns their number. Skips holds that another transaction is resolving.
create function ledger.expire_holds(p_now timestamptz, p_limit int)
returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare due uuid[]; freed int;
begin
  select array_agg(id) into due from (
    select id from ledger.holds where state = 'open' and expires_at <= p_now
    order by expires_at limit p_limit for no key update skip locked ) d;
  if due is null then return 0; end if;
  update ledger.holds set state = 'expired', resolved_at = p_now where id = any (due);
  with freed as (
    select account, sum(amount) as amount from ledger.holds where id = any (due) group by account
  ), locked as materialized (
    select b.account, b.shard, b.held - f.amount as held from freed f join ledger.balances b on b.account = f.account and b.shard = 0
    order by b.account for no key update of b
  )
  update ledger.balances b set held = l.held from locked l where b.account = l.account and b.shard = l.shard and l.held >= 0;
  get diagnostics freed = row_count;
  if freed < (select count(distinct account) from ledger.holds where id = any (due)) then
    raise exception 'Less is held than the open holds of an account add up to';
  end if;
  return cardinality(due);
end $$;

create function ledger.system_identifier() returns text language sql stable security definer
set search_path = pg_catalog, pg_temp as $$ select system_identifier::text from pg_control_system() $$;

-- Waits for running writers and blocks new transfers until the transaction ends. Needed once after a restore.
create function ledger.pause_transfers() returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  lock table ledger.transfers in share mode;
end $$;

-- The rights of the running program are in grants.sql.
revoke all on all tables in schema ledger from public;
revoke all on all functions in schema ledger from public;
