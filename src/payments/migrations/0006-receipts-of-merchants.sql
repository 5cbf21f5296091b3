-- Whose money it is: a merchant's receipts are exported in the order in which they were recorded, whatever others received meanwhile.
alter table payments.receipts add column merchant_id text;
alter table payments.receipts disable trigger receipts_written_once;
update payments.receipts r set merchant_id = i.merchant_id from payments.intents i where i.id = r.intent_id;
alter table payments.receipts enable trigger receipts_written_once;
alter table payments.receipts alter column merchant_id set not null;
create index receipts_newest on payments.receipts (merchant_id, id desc);
