-- Rights of the running program. It deletes nothing except reused address indexes, and changes only the columns that are listed. The guards
-- in 0002-guards.sql limit how.
grant usage on schema payments to :app_role;
grant select, insert on all tables in schema payments to :app_role;
-- The status and the sums of an intent begin with their defaults.
revoke insert on payments.intents from :app_role;
grant insert (
  id, merchant_id, owner, account, livemode, asset, amount, methods, description, reference, customer, return_url, metadata, terms,
  idempotency_key, request_hash, expires_at, created_at, updated_at
) on payments.intents to :app_role;
grant update (
  received, reversed, refunded, late, status, canceled_at, version, updated_at, expires_at, first_expires_at, idempotency_key, request_hash
) on payments.intents to :app_role;
grant update (
  state, reference, redirect_url, reason, declined, why, unconfirmed, claimed_by, claim, due_at, checks, ends_at, submitted_at, ended_at,
  amount, exchange, tolerance, address, payment_uri, due, address_index, watch_until, sent_at, sent_note
) on payments.attempts to :app_role;
grant update (number, stated, counted, reversed, refunded, excess, updated_at) on payments.receipt_states to :app_role;
grant update (next, used) on payments.address_indexes to :app_role;
grant delete on payments.free_indexes to :app_role;
grant update (state, have, need, risk, exchange, counted, updated_at) on payments.deposits to :app_role;
grant update (
  held, state, rail, phone, destination, sending, taken_sending, reference, number, reason, why, idempotency_key, request_hash,
  claimed_by, claim, due_at, checks, version, submitted_at, ended_at
) on payments.refunds to :app_role;
grant update (returned, fee, state, version, look_at, claimed_by, claim, settled_at) on payments.settlements to :app_role;
grant update (amount, undone, ended_at) on payments.settlement_frees to :app_role;
grant update (cursor, caught_up_at, due_at, claimed_by, claim, woken, failing_since, problem) on payments.watches to :app_role;
grant update (failing_since, failed_at) on payments.rail_queries to :app_role;
