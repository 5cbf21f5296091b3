-- Rights of the running program. It deletes nothing except reused address indexes.
grant usage on schema payments to :app_role;
grant select, insert on all tables in schema payments to :app_role;
grant update on payments.intents, payments.attempts, payments.receipt_states, payments.address_indexes, payments.deposits,
  payments.refunds, payments.settlement_frees, payments.watches to :app_role;
grant update (returned, fee, state, version, look_at, claimed_by, claim, settled_at) on payments.settlements to :app_role;
grant delete on payments.free_indexes to :app_role;
