-- Rights of the running program.
grant usage on schema webhooks to :app_role;
grant select, insert on all tables in schema webhooks to :app_role;
grant update (url, description, events, failing_since, disabled_at, disabled_why, deleted_at) on webhooks.endpoints to :app_role;
grant update (ends_at) on webhooks.secrets to :app_role;
grant update (state, due_at, claimed_by, claim, tries, failures, last_status, finished_at) on webhooks.deliveries to :app_role;
grant delete on webhooks.secrets, webhooks.events, webhooks.deliveries, webhooks.attempts to :app_role;
