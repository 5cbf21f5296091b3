-- What is true of this database for good: its mode, the fingerprints of the master key's versions. Never changed, so no right to.
create table platform.state (
  key text primary key,
  value text not null,
  set_at timestamptz not null
);

-- Settings made in the product. `sealed` is the value under the master key.
create table platform.settings (
  name text primary key check (length(name) <= 100),
  sealed text not null check (length(sealed) <= 65536),
  version bigint not null,
  set_at timestamptz not null,
  actor_type text not null,
  actor_id text not null
);

-- One row, counted up by each change: what instances ask for once a second. Its lock also lets one change run at a time.
create table platform.settings_version (
  single boolean primary key default true check (single),
  version bigint not null
);
insert into platform.settings_version (version) values (0);

-- Who changed what, when. `sealed` is null where the setting was cleared.
create table platform.settings_history (
  version bigint primary key,
  name text not null,
  sealed text,
  set_at timestamptz not null,
  actor_type text not null,
  actor_id text not null
);
create index settings_history_name on platform.settings_history (name, version desc);

grant usage on schema platform to purser_app;
grant select on platform.migrations to purser_app;
grant select, insert on platform.state, platform.settings_history to purser_app;
grant select, insert, update, delete on platform.settings to purser_app;
grant select, update on platform.settings_version to purser_app;
