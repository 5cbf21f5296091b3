-- Final money that a chain took back is for a person to look into.
alter table payments.cases drop constraint cases_kind_check;
alter table payments.cases add constraint cases_kind_check check (kind in
  ('missing-here', 'missing-there', 'amount-differs', 'currency-differs', 'return-differs', 'pending-for-ever',
   'returned-too-much', 'taken-back'));

-- Refunds that may wait for a person.
create index refunds_untold on payments.refunds (submitted_at) where state in ('pending', 'unknown');
