-- Rights of the running program. Body, subject and arrival of an event never change.
grant usage on schema inbox to :app_role;
grant select, insert, delete on inbox.events to :app_role;
grant update (state, due_at, claimed_by, claim, retry_until, tries, note) on inbox.events to :app_role;
