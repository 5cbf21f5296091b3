-- The simulated Bitcoin chain: its blocks, its mempool and what its node pretends to be. One row; small enough to be read as a whole.
create table sandbox.bitcoin (
  id smallint primary key check (id = 1),
  version bigint not null,
  body text not null
);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update, delete on sandbox.bitcoin to purser_app;
  end if;
end
$$;
