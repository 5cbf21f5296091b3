-- What the price sources say: prices that somebody set at /sandbox/prices; the others are constants.
create table sandbox.prices (
  currency text primary key,
  -- Units of 1e-18 USD for one.
  usd numeric(38, 0) not null check (usd > 0)
);

-- How a price source misbehaves, for so many of its answers.
create table sandbox.price_faults (
  source text primary key,
  kind text not null,
  answers_left integer not null check (answers_left >= 0),
  percent integer not null
);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update, delete on sandbox.prices, sandbox.price_faults to purser_app;
  end if;
end
$$;
