-- Errors of the functions: LG001 unknown account, LG002 transfer mismatch, LG003 insufficient funds, LG006 transfer to itself. DETAIL
-- names the object.

-- Which field of a transfer differs from the one that was posted under its id; null when none does.
create function ledger.differing_field(
  old ledger.transfers, p_src bigint, p_dst bigint, p_amount numeric, p_asset text, p_kind text, p_ref text
) returns text language sql immutable as $$
  select case
    when old.asset <> p_asset then 'asset'
    when old.src <> p_src then 'from'
    when old.dst <> p_dst then 'to'
    when old.amount <> p_amount then 'amount'
    when old.kind <> p_kind then 'kind'
    when old.ref <> p_ref then 'ref'
  end
$$;

-- For a transfer that is there already: false when the content is the same, LG002 naming the field when it is not.
create function ledger.repeat_transfer(
  p_id uuid, p_src bigint, p_dst bigint, p_amount numeric, p_asset text, p_kind text, p_ref text
) returns boolean language plpgsql as $$
declare
  old ledger.transfers;
  field text;
begin
  select * into strict old from ledger.transfers where id = p_id;
  field := ledger.differing_field(old, p_src, p_dst, p_amount, p_asset, p_kind, p_ref);
  if field is null then return false; end if;
  raise exception using errcode = 'LG002', message = 'ledger.transfer-mismatch', detail = p_id || ' ' || field;
end $$;

-- Why an UPDATE of balances found too few rows. Names the first account that is not there with this asset, else the one that pays.
create function ledger.refuse_move(p_payer bigint, p_accounts bigint[], p_asset text) returns void language plpgsql as $$
declare
  missing bigint;
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

-- One transfer. True when it was posted now, false when it was there already. Each connection keeps to one shard of a sharded account,
-- so that connections do not wait for each other. The caller knows the number of shards, so that rows are found by their whole key: a
-- busy account has many dead versions. The condition refuses first, with a reason; the CHECK on the table is the last defence.
-- Both balances are locked in ascending order of account, because a scan of the primary key for a list of accounts goes in its order;
-- the settings leave no other plan. Two UPDATEs one after the other take a sixth longer, and one for both
-- kinds of accounts a fifteenth.
create function ledger.post_one(
  p_id uuid, p_src bigint, p_src_shards int, p_dst bigint, p_dst_shards int,
  p_amount numeric, p_asset text, p_kind text, p_ref text, p_at timestamptz
) returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  src_shard int := pg_backend_pid() % p_src_shards;
  dst_shard int := pg_backend_pid() % p_dst_shards;
  moved int;
begin
  insert into ledger.transfers (id, src, dst, amount, asset, kind, ref, at)
    values (p_id, p_src, p_dst, p_amount, p_asset, p_kind, p_ref, p_at)
    on conflict (id) do nothing;
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

-- Why a batch was not written as a whole: raises, or returns when all of it was there already with the same content.
create function ledger.check_repeat(
  p_written bigint, p_id uuid[], p_src bigint[], p_dst bigint[], p_amount numeric[], p_asset text[], p_kind text[], p_ref text[]
) returns void language plpgsql as $$
declare
  bad record;
  before uuid;
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
  -- The transfers that were there before are those of other transactions, or of this one when none is.
  select id into strict before from ledger.transfers where id = any (p_id)
    order by xid = pg_current_xact_id()::text::bigint, id limit 1;
  raise exception using errcode = 'LG002', message = 'ledger.transfer-mismatch', detail = before || ' partly-posted';
end $$;

-- Names the first account of a batch that is not there with its asset.
create function ledger.refuse_unknown(p_account bigint[], p_asset text[]) returns void language plpgsql as $$
begin
  raise exception using errcode = 'LG001', message = 'ledger.unknown-account', detail = (
    select e.account || ' ' || e.asset from unnest(p_account, p_asset) e(account, asset)
    where not exists (select from ledger.balances b where b.account = e.account and b.asset = e.asset)
    order by e.account limit 1);
end $$;

-- Many transfers, all or nothing. True when they were posted now, false when all of them were there already.
create function ledger.post_many(
  p_id uuid[], p_src bigint[], p_src_shards int[], p_dst bigint[], p_dst_shards int[],
  p_amount numeric[], p_asset text[], p_kind text[], p_ref text[], p_at timestamptz
) returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine int := pg_backend_pid();
  written bigint;
  wanted bigint;
  found_rows bigint;
  short bigint;
begin
  if exists (select from unnest(p_src, p_dst) g(src, dst) where g.src = g.dst) then
    raise exception using errcode = 'LG006', message = 'ledger.transfer-to-itself';
  end if;
  -- Ids in one order: two batches with the same ids wait for each other.
  insert into ledger.transfers (id, src, dst, amount, asset, kind, ref, at)
    select g.id, g.src, g.dst, g.amount, g.asset, g.kind, g.ref, p_at
    from unnest(p_id, p_src, p_dst, p_amount, p_asset, p_kind, p_ref) g(id, src, dst, amount, asset, kind, ref)
    order by g.id
    on conflict (id) do nothing;
  get diagnostics written = row_count;
  if written < cardinality(p_id) then
    perform ledger.check_repeat(written, p_id, p_src, p_dst, p_amount, p_asset, p_kind, p_ref);
    return false;
  end if;

  -- What each account ends with, locked in one order. The locked rows are the newest versions, so funds are decided on them.
  with entries as (
    select account, shards, asset, sum(delta) as delta
    from (select unnest(p_src) as account, unnest(p_src_shards) as shards, unnest(p_asset) as asset, -unnest(p_amount) as delta
          union all select unnest(p_dst), unnest(p_dst_shards), unnest(p_asset), unnest(p_amount)) e
    group by account, shards, asset
  ), locked as materialized (
    select b.account, b.shard, b.nonneg, b.held, b.posted + e.delta as posted
    from entries e
    join ledger.balances b on b.account = e.account and b.shard = mine % e.shards and b.asset = e.asset
    order by b.account, b.shard
    for no key update of b
  ), updated as (
    update ledger.balances b set posted = l.posted
    from locked l
    where b.account = l.account and b.shard = l.shard and (not l.nonneg or l.posted >= l.held)
    returning b.account
  )
  select (select count(*) from entries), (select count(*) from locked), (select count(*) from updated),
      (select min(account) from locked where nonneg and posted < held)
    into wanted, found_rows, written, short;
  if written = wanted then return true; end if;
  if found_rows < wanted then
    perform ledger.refuse_unknown(p_src || p_dst, p_asset || p_asset);
  end if;
  raise exception using errcode = 'LG003', message = 'ledger.insufficient-funds', detail = short::text;
end $$;
