-- Rights of the running program.
grant usage on schema cases to :app_role;
grant select, insert, update on cases.cases to :app_role;
