-- The request that made a link: a repeat of it finds this one, where the process died before it could answer.
alter table gateway.links add column request_key text;
create index links_request on gateway.links (merchant_id, request_key) where request_key is not null;
