-- Guards: changes that the program never makes, whoever is logged in. They act on changed values only, so they cost other updates nothing.
-- PU001: a fact that never changes. PU002: a change without its evidence. PU003: a change of state that does not exist.

create trigger receipts_written_once before update or delete on payments.receipts for each row execute function payments.refuse_change();
create trigger receipts_never_truncated before truncate on payments.receipts for each statement execute function payments.refuse_change();
create trigger receipt_states_keep_facts before update or delete on payments.receipt_states for each row execute function payments.keep_receipt_facts();
create trigger receipt_states_never_truncated before truncate on payments.receipt_states for each statement execute function payments.refuse_change();
create trigger receipt_entries_written_once before update or delete on payments.receipt_entries for each row execute function payments.refuse_change();
create trigger receipt_entries_never_truncated before truncate on payments.receipt_entries for each statement execute function payments.refuse_change();
create trigger exchanges_written_once before update or delete on payments.exchanges for each row execute function payments.refuse_change();
create trigger exchanges_never_truncated before truncate on payments.exchanges for each statement execute function payments.refuse_change();
create trigger refunds_keep_facts before update or delete on payments.refunds for each row execute function payments.keep_refund_facts();
create trigger refunds_never_truncated before truncate on payments.refunds for each statement execute function payments.refuse_change();

-- An intent's sums are those of its receipts, and it is paid only by them. The tolerance is the merchant's or the rail's.
create function payments.require_intent_evidence() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
declare received numeric; reversed numeric; tolerance numeric;
begin
  select coalesce(sum(s.counted - s.reversed), 0), coalesce(sum(s.reversed), 0) into received, reversed
    from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id where r.intent_id = new.id;
  if new.received <> received or new.reversed <> reversed or new.refunded > reversed then
    raise exception using errcode = 'PU002', message = format('payments.intents: the sums of %s differ from its receipts', new.id);
  end if;
  if new.status = 'paid' and old.status <> 'paid' then
    select greatest(coalesce(max(a.tolerance), 0), floor(new.amount * coalesce((new.terms ->> 'toleranceBps')::numeric, 0) / 10000)) into tolerance
      from payments.attempts a where a.intent_id = new.id and a.state = 'settled';
    if received = 0 or received < new.amount - tolerance then
      raise exception using errcode = 'PU002', message = format('payments.intents: the receipts of %s do not pay it', new.id);
    end if;
  end if;
  return new;
end$$;
create trigger intents_need_evidence before update of received, reversed, refunded, status on payments.intents for each row
  when (old.received <> new.received or old.reversed <> new.reversed or old.refunded <> new.refunded or (new.status = 'paid' and old.status <> 'paid'))
  execute function payments.require_intent_evidence();

-- Each change of an intent's status or sums is a new version, which its followers wait for.
create function payments.require_new_version() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PU002', message = format('payments.intents: the change of %s has no new version', new.id);
end$$;
create trigger intents_count_versions before update of received, reversed, refunded, status on payments.intents for each row
  when (new.version <= old.version) execute function payments.require_new_version();

-- An idempotency key is only ever released.
create function payments.refuse_key_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PU001', message = format('payments.%s: an idempotency key cannot be changed', tg_table_name);
end$$;
create trigger intents_keep_key before update of idempotency_key, request_hash on payments.intents for each row
  when (new.idempotency_key is not null and (old.idempotency_key, old.request_hash) is distinct from (new.idempotency_key, new.request_hash))
  execute function payments.refuse_key_change();
create trigger refunds_keep_key before update of idempotency_key, request_hash on payments.refunds for each row
  when (new.idempotency_key is not null and (old.idempotency_key, old.request_hash) is distinct from (new.idempotency_key, new.request_hash))
  execute function payments.refuse_key_change();

-- An attempt is sent once: nothing returns to `created`, and only `created` becomes `submitting`. It settles by a receipt alone.
create function payments.check_attempt_state() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if not (case new.state
      when 'created' then false
      when 'submitting' then old.state = 'created'
      when 'pending' then old.state in ('created', 'submitting', 'unknown')
      when 'unknown' then old.state = 'submitting'
      when 'abandoned' then old.state in ('pending', 'unknown')
      when 'failed' then old.state <> 'settled'
      when 'settled' then true end) then
    raise exception using errcode = 'PU003', message = format('payments.attempts: %s cannot become %s', old.state, new.state);
  end if;
  if new.state = 'settled' and not exists (select from payments.receipts r where r.attempt_id = new.id) then
    raise exception using errcode = 'PU002', message = format('payments.attempts: %s has no receipt', new.id);
  end if;
  return new;
end$$;
create trigger attempts_check_state before update of state on payments.attempts for each row when (old.state <> new.state)
  execute function payments.check_attempt_state();

-- The amount of a try, its tolerance and its rate are what the payer was asked for. An address alone may be quoted again. A reference never changes once money came.
create function payments.keep_attempt_facts() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PU001', message = 'payments.attempts: a known fact of an attempt cannot be changed';
end$$;
create trigger attempts_keep_facts before update of amount, tolerance, exchange, reference, address on payments.attempts for each row
  when (((old.amount, old.tolerance, old.exchange) is distinct from (new.amount, new.tolerance, new.exchange) and old.kind <> 'address')
    or (old.state = 'settled' and old.reference is not null and old.reference is distinct from new.reference)
    or (old.address is not null and new.address is not null and old.address <> new.address))
  execute function payments.keep_attempt_facts();

-- The counted, reversed and refunded amounts of a receipt change only with an entry of the same transaction. A dispute that was won has its
-- entry on the receipt of the returned money, which is of the same intent.
create function payments.require_receipt_entry() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (
    select from payments.receipts r join payments.receipts o on o.intent_id = r.intent_id join payments.receipt_entries e on e.receipt_id = o.id
    where r.id = new.receipt_id and e.xmin = pg_current_xact_id()::xid) then
    raise exception using errcode = 'PU002', message = format('payments.receipt_states: the change of %s has no entry', new.receipt_id);
  end if;
  return null;
end$$;
create constraint trigger receipt_states_need_entry after update of counted, reversed, refunded, excess on payments.receipt_states
  deferrable initially deferred for each row
  when (old.counted <> new.counted or old.reversed <> new.reversed or old.refunded <> new.refunded or old.excess <> new.excess)
  execute function payments.require_receipt_entry();

-- A refund is sent once per sending: each destination of a refund link is one sending. An ended one only learns that it succeeded after all, and a sent one that its money came back.
create function payments.check_refund_state() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if not (case
      when new.state = 'claimable' then
        new.way = 'claim' and new.phone is null and new.destination is null and old.state in ('created', 'submitting', 'pending', 'unknown')
      when new.state in ('created', 'pending') and old.state = 'claimable' then new.sending = old.sending + 1
      when new.state = 'created' then false
      when new.state = 'submitting' then old.state = 'created'
      when old.state in ('failed', 'canceled', 'expired') then new.state = 'succeeded'
      when old.state = 'succeeded' then new.state = 'failed'
      else true end) then
    raise exception using errcode = 'PU003', message = format('payments.refunds: %s cannot become %s', old.state, new.state);
  end if;
  return new;
end$$;
create trigger refunds_check_state before update of state on payments.refunds for each row when (old.state <> new.state)
  execute function payments.check_refund_state();

-- The destination is entered on the refund link, and nowhere else.
create function payments.keep_refund_destination() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PU001', message = format('payments.refunds: the destination of %s cannot be changed', new.id);
end$$;
create trigger refunds_keep_destination before update of phone, destination on payments.refunds for each row
  when ((old.phone, old.destination) is distinct from (new.phone, new.destination) and (old.state = 'claimable') = (new.state = 'claimable'))
  execute function payments.keep_refund_destination();

-- Triggers are active in replica mode too, which disables ordinary ones.
do $$
declare one record;
begin
  for one in select tgrelid::regclass as tab, tgname from pg_trigger
    where not tgisinternal and tgrelid in (select oid from pg_class where relnamespace = 'payments'::regnamespace) loop
    execute format('alter table %s enable always trigger %I', one.tab, one.tgname);
  end loop;
end$$;

-- A row begins at its beginning. The sums and the status of an intent have no right to be inserted (grants.sql). These triggers are not active
-- in replica mode, in which the owner copies rows.
create function payments.refuse_ended() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PU003', message = format('payments.%s: a new row cannot be %s', tg_table_name, new.state);
end$$;
create trigger attempts_begin_open before insert on payments.attempts for each row
  when (new.state = 'settled') execute function payments.refuse_ended();
create trigger refunds_begin_open before insert on payments.refunds for each row
  when (new.origin <> 'provider' and new.state not in ('created', 'claimable')) execute function payments.refuse_ended();
