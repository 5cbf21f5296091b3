-- When a merchant gets its money, what is kept of it, and where it is sent.
alter table identity.merchants
  add column hold_days integer not null default 0 check (hold_days between 0 and 365),
  add column fee_bps integer not null default 0 check (fee_bps between 0 and 10000),
  -- Minor units by currency, as text: {"KES": "1000"}.
  add column fee_fixed jsonb not null default '{}',
  -- Sealed; `destination_shown` is what may be seen of it.
  add column destination text,
  add column destination_shown jsonb,
  add check ((destination is null) = (destination_shown is null));

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant update (hold_days, fee_bps, fee_fixed, destination, destination_shown) on identity.merchants to purser_app;
  end if;
end$$;
