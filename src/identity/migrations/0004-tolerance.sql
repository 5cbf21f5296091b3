-- How much less than asked still pays a payment, in hundredths of a percent.
alter table identity.merchants add column tolerance_bps integer not null default 0 check (tolerance_bps between 0 and 1000);
do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant update (tolerance_bps) on identity.merchants to purser_app;
  end if;
end$$;
