-- The request that an attempt was made for: a repeat of it gets this attempt, whatever else was begun since. Looked up among the few
-- attempts of its intent, under the intent's lock, so it needs no index.
alter table payments.attempts add column request_key text;
