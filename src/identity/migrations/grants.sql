-- Rights of the running program. It cannot change a key's merchant, hash or scopes, nor an audit row.
grant usage on schema identity to :app_role;
grant select, insert on all tables in schema identity to :app_role;
grant update (created_at), delete on identity.logos to :app_role;
grant update (
  name, locale, colour, logo, tolerance_bps, hold_days, fee_bps, fee_fixed, destination, destination_shown
) on identity.merchants to :app_role;
grant delete on identity.return_origins to :app_role;
grant update (name, locale, colour, logo, return_origins, methods, archived_at) on identity.stores to :app_role;
grant update (expires_at, revoked_at, last_used_at, replaced_by) on identity.keys to :app_role;
grant update (disabled_at) on identity.operators to :app_role;
grant update (role), delete on identity.members to :app_role;
