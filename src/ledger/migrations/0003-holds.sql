-- Money set aside for one purpose. A hold resolves once: settled (for at most its amount, the rest is free again), released or expired.
create table ledger.holds (
  id uuid primary key,
  account bigint not null,
  asset text not null,
  amount numeric(38,0) not null check (amount > 0),
  state text not null default 'open' check (state in ('open', 'settled', 'released', 'expired')),
  -- The transfer that settled it.
  transfer uuid,
  expires_at timestamptz not null,
  at timestamptz not null,
  resolved_at timestamptz,
  check ((state = 'open') = (resolved_at is null)),
  check ((state = 'settled') = (transfer is not null))
);
create index holds_due on ledger.holds (expires_at) where state = 'open';
create index holds_open on ledger.holds (account) where state = 'open';

-- Adds to a balance and to what is held of it. Only as much is freed as is held.
create function ledger.move(p_account bigint, p_asset text, p_delta numeric, p_held numeric, p_shard int)
returns void language plpgsql as $$
begin
  update ledger.balances set posted = posted + p_delta, held = held + p_held
    where account = p_account and asset = p_asset and shard = p_shard
      and (not nonneg or posted + p_delta >= held + p_held) and held + p_held >= 0;
  if not found then perform ledger.refuse_move(p_account, array[p_account], p_asset); end if;
end $$;

-- False when the funds do not suffice. True when it was placed, now or before. Errors: LG001, LG002 naming the field, LG004 when
-- the account has no limit, so that holding back means nothing.
create function ledger.hold(p_id uuid, p_account bigint, p_asset text, p_amount numeric, p_expires_at timestamptz, p_at timestamptz)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  old ledger.holds;
  balance ledger.balances;
begin
  insert into ledger.holds (id, account, asset, amount, expires_at, at)
    values (p_id, p_account, p_asset, p_amount, p_expires_at, p_at)
    on conflict (id) do nothing;
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
  -- It may be tried again under the same id.
  delete from ledger.holds where id = p_id;
  return false;
end $$;

-- True when the hold is settled by this transfer, now or before; false when it is not open (or unknown). LG005 when the amount is
-- more than was held.
create function ledger.settle(
  p_hold uuid, p_id uuid, p_dst bigint, p_dst_shards int, p_amount numeric, p_kind text, p_ref text, p_at timestamptz
) returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  h ledger.holds;
  part int := pg_backend_pid() % p_dst_shards;
begin
  select * into h from ledger.holds where id = p_hold for no key update;
  if not found then return false; end if;
  if h.state = 'settled' and h.transfer = p_id then
    -- Raises when the repeat says something else.
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
    values (p_id, h.account, p_dst, p_amount, h.asset, p_kind, p_ref, p_at)
    on conflict (id) do nothing;
  if not found then
    raise exception using errcode = 'LG002', message = 'ledger.transfer-mismatch', detail = p_id || ' hold';
  end if;
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

-- True when the money is free again, by this or an earlier release or by expiry; false when the hold was settled (or is unknown).
create function ledger.release(p_hold uuid, p_at timestamptz)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  h ledger.holds;
begin
  select * into h from ledger.holds where id = p_hold for no key update;
  if not found then return false; end if;
  if h.state <> 'open' then return h.state in ('released', 'expired'); end if;
  update ledger.holds set state = 'released', resolved_at = p_at where id = p_hold;
  perform ledger.move(h.account, h.asset, 0, -h.amount, 0);
  return true;
end $$;

-- Frees the holds whose time is over, at most p_limit of them; those being resolved at this moment are left alone.
create function ledger.expire_holds(p_now timestamptz, p_limit int)
returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  due uuid[];
  freed int;
begin
  select array_agg(id) into due from (
    select id from ledger.holds where state = 'open' and expires_at <= p_now
    order by expires_at limit p_limit for no key update skip locked
  ) d;
  if due is null then return 0; end if;
  update ledger.holds set state = 'expired', resolved_at = p_now where id = any (due);
  with freed as (
    select account, sum(amount) as amount from ledger.holds where id = any (due) group by account
  ), locked as materialized (
    select b.account, b.shard, b.held - f.amount as held
    from freed f join ledger.balances b on b.account = f.account and b.shard = 0
    order by b.account for no key update of b
  )
  update ledger.balances b set held = l.held from locked l where b.account = l.account and b.shard = l.shard and l.held >= 0;
  get diagnostics freed = row_count;
  if freed < (select count(distinct account) from ledger.holds where id = any (due)) then
    raise exception 'Less is held than the open holds of an account add up to';
  end if;
  return cardinality(due);
end $$;
