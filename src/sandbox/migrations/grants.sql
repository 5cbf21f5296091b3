-- Rights of the running program.
grant usage on schema sandbox to :app_role;
grant select, insert, update, delete on all tables in schema sandbox to :app_role;
-- Payouts are never deleted.
revoke delete on sandbox.payouts from :app_role;
