-- How many payments there were before each quarter of an hour, so that nobody counts a million rows to say how many there are.
create table payments.tallies (
  until timestamptz primary key,
  created bigint not null check (created >= 0)
);
do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert on payments.tallies to purser_app;
  end if;
end$$;
