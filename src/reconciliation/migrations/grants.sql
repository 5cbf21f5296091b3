-- Rights of the running program.
grant usage on schema reconciliation to :app_role;
grant select, insert, update on reconciliation.runs to :app_role;
grant select, insert on reconciliation.matches to :app_role;
