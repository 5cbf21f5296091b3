-- Links that payers open to pay: by one, or by as many as come.
create table gateway.links (
  id text primary key,
  merchant_id text not null,
  store_id text,
  livemode boolean not null,
  asset text not null,
  -- Null: the payer says how much, within the bounds.
  amount numeric(38,0) check (amount > 0),
  least numeric(38,0) check (least > 0),
  most numeric(38,0) check (most > 0),
  description text not null,
  reference text,
  methods text[],
  return_url text,
  single_use boolean not null,
  -- The payment that is made, or was made last, by a link for one use.
  payment_id text,
  expires_at timestamptz,
  created_at timestamptz not null,
  archived_at timestamptz,
  check (amount is null or (least is null and most is null)),
  check (least <= most)
);
create index links_merchant on gateway.links (merchant_id, id desc);

grant usage on schema gateway to purser_app;
grant select, insert on gateway.links to purser_app;
grant update (description, reference, methods, return_url, payment_id, expires_at, archived_at) on gateway.links to purser_app;
