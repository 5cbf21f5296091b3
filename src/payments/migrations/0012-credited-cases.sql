-- Money that is missing here and names no try is credited to a payment by hand, under the id that the provider has for it.
alter table payments.cases
  -- Of the provider's line: the id that its receipt would have with us, and the number that people see.
  add column receipt_id text,
  add column number text;
alter table payments.cases drop constraint cases_state_check;
alter table payments.cases add constraint cases_state_check check (state in ('open', 'closed', 'repaired', 'credited'));
