-- What simulated providers without tables of their own remember, as their APIs show it.
create table sandbox.objects (
  provider text not null,
  id text not null,
  body jsonb not null,
  -- What the provider knows and does not show.
  hidden jsonb not null,
  created_at timestamptz not null,
  primary key (provider, id)
);

-- Where a provider's events go, as set in its console.
create table sandbox.endpoints (
  provider text not null,
  url text not null,
  created_at timestamptz not null,
  primary key (provider, url)
);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update, delete on sandbox.objects, sandbox.endpoints to purser_app;
  end if;
end
$$;
