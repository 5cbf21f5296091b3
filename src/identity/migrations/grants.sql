-- Rights of the running program. It writes through the functions of 0002-writes.sql, which append the audit row. Itself it writes pictures and
-- the last use of a key only.
grant usage on schema identity to :app_role;
grant select on all tables in schema identity to :app_role;
grant insert, update (created_at), delete on identity.logos to :app_role;
grant update (last_used_at) on identity.keys to :app_role;
grant execute on function
  identity.append_audit, identity.lock_merchant, identity.lock_store, identity.lock_owners, identity.create_merchant,
  identity.change_merchant, identity.set_settlement, identity.set_destination, identity.add_origin, identity.remove_origin,
  identity.create_store, identity.change_store, identity.create_key, identity.rotate_key, identity.revoke_key, identity.keep_sandbox_key,
  identity.create_operator, identity.disable_operator, identity.set_member, identity.remove_member to :app_role;
