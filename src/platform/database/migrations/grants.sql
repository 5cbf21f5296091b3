-- Rights of the running program. It can add state and history, but not change them.
grant usage on schema platform to :app_role;
grant select on platform.migrations to :app_role;
grant select, insert on platform.state, platform.settings_history to :app_role;
grant select, insert, update, delete on platform.settings to :app_role;
grant select, insert, update on platform.watermarks, platform.invariant_results to :app_role;
grant select, update on platform.settings_version to :app_role;
grant select, insert, update, delete
  on platform.outbox, platform.instances, platform.crons, platform.idempotency to :app_role;
