-- Events from payment providers, stored as they arrived and before they are handled.

-- An enum instead of a CHECK constraint, because every callback writes a row and PostgreSQL prepares a table's CHECK constraints for
-- each statement.
create type inbox.event_state as enum ('new', 'done', 'parked', 'ignored');

create table inbox.events (
  rail text not null,
  -- The provider's id of the event, or a hash of token subject and body when there is none. The primary key stores a repeated delivery
  -- once.
  event_key text not null,
  raw bytea not null,
  -- Subject of the signed token in the callback URL: an attempt, or a sending of a refund with the callback's purpose.
  token_subject text,
  state inbox.event_state not null default 'new',
  received_at timestamptz not null,
  -- Next attempt.
  due_at timestamptz not null,
  -- Instance that handles the event, and the number of its claim.
  claimed_by text,
  claim bigint not null default 0,
  -- An event that cannot be handled is retried until this time. Then it is parked for an operator.
  retry_until timestamptz not null,
  tries integer not null default 0,
  note text,
  primary key (rail, event_key)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index events_due on inbox.events (due_at) where state = 'new' and claimed_by is null;
create index events_claimed on inbox.events (claimed_by) where claimed_by is not null;
create index events_parked on inbox.events (received_at) where state = 'parked';
-- Handled events are deleted after 90 days. New rows reuse their space, so a BRIN index would soon find every page. An event enters this
-- index when it is closed.
create index events_handled on inbox.events (received_at) where state in ('done', 'ignored');

-- An event that was not handled is never deleted, and a handled one is never handled again.
create function inbox.keep_unhandled() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'IN001', message = format('inbox.events: event %s %s has not been handled', old.rail, old.event_key);
end$$;
create trigger events_keep_unhandled before delete on inbox.events for each row when (old.state in ('new', 'parked'))
  execute function inbox.keep_unhandled();
create function inbox.keep_handled() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'IN002', message = format('inbox.events: event %s %s was handled', old.rail, old.event_key);
end$$;
create trigger events_keep_handled before update of state on inbox.events for each row
  when (old.state in ('done', 'ignored') and new.state <> old.state) execute function inbox.keep_handled();
alter table inbox.events enable always trigger events_keep_unhandled;
alter table inbox.events enable always trigger events_keep_handled;
