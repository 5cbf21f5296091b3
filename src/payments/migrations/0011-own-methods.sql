-- Methods that are payments' own: a transfer that a person looks for, and a customer's prepaid balance.
alter table payments.attempts drop constraint attempts_kind_check;
alter table payments.attempts
  add constraint attempts_kind_check check (kind in ('push', 'page', 'address', 'transfer', 'balance')),
  -- When the payer said that the transfer was sent, and what they wrote of it.
  add column sent_at timestamptz,
  add column sent_note text;
create index attempts_transfers on payments.attempts (sent_at, id)
  where kind = 'transfer' and sent_at is not null and state in ('pending', 'unknown');
