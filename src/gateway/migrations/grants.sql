-- Rights of the running program.
grant usage on schema gateway to :app_role;
grant select, insert on gateway.links to :app_role;
grant update (description, reference, methods, return_url, payment_id, expires_at, archived_at) on gateway.links to :app_role;
