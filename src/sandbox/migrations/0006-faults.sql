-- How a provider misbehaves: in so many of its next answers, or of its next deliveries.
create table sandbox.faults (
  provider text not null,
  place text not null check (place in ('answer', 'delivery')),
  kind text not null,
  times_left integer not null check (times_left >= 0),
  -- Of a lie: what each price is multiplied by. Of a slow answer: how long it takes.
  percent integer not null,
  delay_ms integer not null,
  primary key (provider, place)
);
drop table sandbox.price_faults;

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update, delete on sandbox.faults to purser_app;
  end if;
end
$$;
