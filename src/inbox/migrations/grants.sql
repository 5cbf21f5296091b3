-- Rights of the running program.
grant usage on schema inbox to :app_role;
grant select, insert, update, delete on inbox.events to :app_role;
