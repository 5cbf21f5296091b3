-- Until when a payer can pay on an attempt: the end of a prompt, the last day of a transfer by hand. Null: only the provider knows.
alter table payments.attempts add column ends_at timestamptz;
-- The end that the payment was created with. Set when a transfer by hand has moved expires_at; a repeat of the creation shows this one.
alter table payments.intents add column first_expires_at timestamptz;
