-- Payments of one store, newest first. Those of none are not in it, so that they cost nothing.
create index intents_store on payments.intents (merchant_id, (terms ->> 'store'), id desc) where terms ->> 'store' is not null;
