-- The request that made a store: a repeat of it finds this one, where the process died before it could answer.
alter table identity.stores add column request_key text;
create index stores_request on identity.stores (merchant_id, request_key) where request_key is not null;

-- A picture goes with the last one who uses it; who takes it anew in that moment locks it first.
create index merchants_logo on identity.merchants (logo) where logo is not null;
create index stores_logo on identity.stores (logo) where logo is not null;
delete from identity.logos l
  where not exists (select from identity.merchants where logo = l.name)
    and not exists (select from identity.stores where logo = l.name);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant update (created_at), delete on identity.logos to purser_app;
  end if;
end$$;
