-- Writes of identity. The running program cannot write these tables itself: each function changes one thing and appends its audit row in the
-- same call. `p_row` holds columns as JSON, `p_audit` the columns of the audit row. Each returns whether something changed.

-- Appends one audit row. It checks the actor, so that a row names who acted in a known form.
create function identity.add_audit(p_audit jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare entry identity.audit := jsonb_populate_record(null::identity.audit, p_audit);
begin
  if not (case entry.actor_type
      when 'operator' then entry.actor_id ~ '^opr_[a-z0-9]+$'
      when 'key' then entry.actor_id ~ '^key_[a-z0-9]+$'
      when 'system' then entry.actor_id ~ '^[a-z][a-z0-9-]*$'
      when 'cli' then entry.actor_id <> '' end) or entry.action !~ '^[a-z]+\.[a-z0-9-]+$' then
    raise exception using errcode = 'ID002', message = 'identity.audit: the actor or the action is not of a known form';
  end if;
  insert into identity.audit (at, actor_type, actor_id, action, target, detail)
    values (entry.at, entry.actor_type, entry.actor_id, entry.action, entry.target, coalesce(entry.detail, '{}'));
end $$;

-- Appends one audit row for the running program. The actions of identity have their rows from the functions below, so none can be forged.
create function identity.append_audit(p_audit jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_audit ->> 'action' like 'identity.%' then
    raise exception using errcode = 'ID003', message = 'identity.audit: only a change of identity appends this action';
  end if;
  perform identity.add_audit(p_audit);
end $$;

-- Locks a row until the transaction ends. The program has no right to update the table, so it cannot lock the row itself.
create function identity.lock_merchant(p_id text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select from identity.merchants where id = p_id for no key update $$;
create function identity.lock_store(p_id text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select from identity.stores where id = p_id for no key update $$;
-- Locks all enabled owners and one operator, in one order.
create function identity.lock_owners(p_email text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select from identity.operators where email = p_email or (role = 'owner' and disabled_at is null) order by id for no key update $$;

create function identity.create_merchant(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.merchants := jsonb_populate_record(null::identity.merchants, p_row);
begin
  insert into identity.merchants (id, handle, name, livemode, locale, created_at)
    values (r.id, r.handle, r.name, r.livemode, r.locale, r.created_at) on conflict (handle) do nothing;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.change_merchant(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.merchants := jsonb_populate_record(null::identity.merchants, p_row);
begin
  update identity.merchants set name = r.name, locale = r.locale, colour = r.colour, logo = r.logo, tolerance_bps = r.tolerance_bps
    where id = r.id;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.set_settlement(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.merchants := jsonb_populate_record(null::identity.merchants, p_row);
begin
  update identity.merchants set hold_days = r.hold_days, fee_bps = r.fee_bps, fee_fixed = r.fee_fixed where id = r.id;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.set_destination(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.merchants := jsonb_populate_record(null::identity.merchants, p_row);
begin
  update identity.merchants set destination = r.destination, destination_shown = r.destination_shown where id = r.id;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.add_origin(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.return_origins := jsonb_populate_record(null::identity.return_origins, p_row);
begin
  insert into identity.return_origins (merchant_id, origin, created_at) values (r.merchant_id, r.origin, r.created_at) on conflict do nothing;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.remove_origin(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.return_origins := jsonb_populate_record(null::identity.return_origins, p_row);
begin
  delete from identity.return_origins where merchant_id = r.merchant_id and origin = r.origin;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.create_store(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.stores := jsonb_populate_record(null::identity.stores, p_row);
begin
  insert into identity.stores (id, merchant_id, name, locale, colour, logo, return_origins, methods, request_key, created_at)
    values (r.id, r.merchant_id, r.name, r.locale, r.colour, r.logo, r.return_origins, r.methods, r.request_key, r.created_at);
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.change_store(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.stores := jsonb_populate_record(null::identity.stores, p_row);
begin
  update identity.stores set name = r.name, locale = r.locale, colour = r.colour, logo = r.logo, return_origins = r.return_origins,
    methods = r.methods, archived_at = r.archived_at where id = r.id;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.create_key(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.keys := jsonb_populate_record(null::identity.keys, p_row);
begin
  insert into identity.keys (id, merchant_id, store_id, name, hash, pepper_version, hint, scopes, livemode, created_at, expires_at)
    values (r.id, r.merchant_id, r.store_id, r.name, r.hash, r.pepper_version, r.hint, r.scopes, r.livemode, r.created_at, r.expires_at)
    on conflict (hash) do nothing;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

-- Adds a key that replaces another one with the same rights. The old key ends at `p_old_expires_at`.
create function identity.rotate_key(p_row jsonb, p_old text, p_old_expires_at timestamptz, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.keys := jsonb_populate_record(null::identity.keys, p_row);
begin
  insert into identity.keys (id, merchant_id, store_id, name, hash, pepper_version, hint, scopes, livemode, created_at, expires_at)
    select r.id, k.merchant_id, k.store_id, r.name, r.hash, r.pepper_version, r.hint, k.scopes, k.livemode, r.created_at, r.expires_at
      from identity.keys k where k.id = p_old and k.revoked_at is null and k.replaced_by is null;
  if not found then return false; end if;
  update identity.keys set replaced_by = r.id, expires_at = p_old_expires_at where id = p_old;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.revoke_key(p_id text, p_at timestamptz, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update identity.keys set revoked_at = p_at where id = p_id and revoked_at is null;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

-- Makes one key the only valid one of its name at the sandbox merchant. No other merchant has a handle, so no other key can be revived.
create function identity.keep_sandbox_key(p_merchant text, p_hash text, p_at timestamptz, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare kept identity.keys;
begin
  select k.* into kept from identity.keys k join identity.merchants m on m.id = k.merchant_id
    where k.hash = p_hash and k.merchant_id = p_merchant and m.handle = 'sandbox' and not k.livemode;
  if not found then return false; end if;
  update identity.keys
    set revoked_at = case when id = kept.id then null else coalesce(revoked_at, p_at) end,
      expires_at = case when id = kept.id then null else expires_at end
    where merchant_id = p_merchant and name = kept.name
      and case when id = kept.id then revoked_at is not null or expires_at is not null else revoked_at is null end;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.create_operator(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.operators := jsonb_populate_record(null::identity.operators, p_row);
begin
  insert into identity.operators (id, email, name, role, created_at) values (r.id, r.email, r.name, r.role, r.created_at)
    on conflict (email) do nothing;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.disable_operator(p_id text, p_at timestamptz, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update identity.operators set disabled_at = p_at where id = p_id and disabled_at is null;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.set_member(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.members := jsonb_populate_record(null::identity.members, p_row);
begin
  insert into identity.members (merchant_id, operator_id, role, created_at) values (r.merchant_id, r.operator_id, r.role, r.created_at)
    on conflict (merchant_id, operator_id) do update set role = excluded.role where members.role <> excluded.role;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

create function identity.remove_member(p_row jsonb, p_audit jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare r identity.members := jsonb_populate_record(null::identity.members, p_row);
begin
  delete from identity.members where merchant_id = r.merchant_id and operator_id = r.operator_id;
  if not found then return false; end if;
  perform identity.add_audit(p_audit);
  return true;
end $$;

revoke all on all functions in schema identity from public;
