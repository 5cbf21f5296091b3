-- Money that Safaricom sends to phones (B2C).
create table sandbox.payouts (
  -- OriginatorConversationID: taken once.
  id text primary key,
  conversation_id text not null,
  phone text not null,
  shillings bigint not null check (shillings > 0),
  result_url text not null,
  timeout_url text not null,
  created_at timestamptz not null,
  -- When it is done.
  due_at timestamptz not null,
  result_code text,
  transaction_id text
);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant select, insert, update on sandbox.payouts to purser_app;
  end if;
end
$$;
