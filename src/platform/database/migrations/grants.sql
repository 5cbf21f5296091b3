-- Rights of the running program. Settings and their history are written by functions, and the state by the owner alone.
grant usage on schema platform to :app_role;
grant select on platform.migrations, platform.state, platform.settings, platform.settings_history, platform.settings_version to :app_role;
grant execute on function platform.next_settings_version, platform.write_setting to :app_role;
grant select, insert, update, delete on platform.outbox, platform.instances, platform.idempotency to :app_role;
grant select, insert, update on platform.crons to :app_role;
grant select, insert, update on platform.watermarks, platform.invariant_results to :app_role;
