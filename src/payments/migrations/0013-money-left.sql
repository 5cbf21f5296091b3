-- Money that left is booked, also when what it was of had gone already: a dispute of what was being refunded, a refund that was sent twice.

-- Of an entry's amount, what does not count for its receipt: it left beyond what was left, or came back for what had left so.
alter table payments.receipt_entries
  add column excess numeric(38,0) not null default 0,
  add constraint receipt_entries_excess check (excess >= 0 and excess <= amount);
-- The same for an undone exchange, in its second asset.
alter table payments.exchanges
  add column excess numeric(38,0) not null default 0,
  add constraint exchanges_excess check (excess >= 0 and excess <= counted);
-- What went back of a receipt beyond what it counts, less what of that came back. In the intent's asset.
alter table payments.receipt_states add column excess payments.minor_units not null default 0;

-- Which sending the money was taken for: a success of another one is money that left too.
alter table payments.refunds add column taken_sending integer;
update payments.refunds set taken_sending = sending where state = 'succeeded';

alter table payments.cases drop constraint cases_kind_check;
alter table payments.cases add constraint cases_kind_check check (kind in ('missing-here', 'missing-there', 'amount-differs',
  'currency-differs', 'return-differs', 'pending-for-ever', 'returned-too-much'));
