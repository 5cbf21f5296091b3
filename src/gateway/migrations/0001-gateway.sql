-- Payment links. Each payer who opens one gets a separate payment. A single-use link takes one payment.
create table gateway.links (
  id text primary key,
  merchant_id text not null,
  store_id text,
  livemode boolean not null,
  asset text not null,
  -- Null: the payer enters the amount, between least and most.
  amount numeric(38,0) check (amount > 0),
  least numeric(38,0) check (least > 0),
  most numeric(38,0) check (most > 0),
  description text not null,
  reference text,
  methods text[],
  return_url text,
  single_use boolean not null,
  -- Current or last payment of a single-use link.
  payment_id text,
  expires_at timestamptz,
  created_at timestamptz not null,
  archived_at timestamptz,
  -- Idempotency-Key of the request that created the link. A retry finds the link even if the process died before it answered.
  request_key text,
  check (amount is null or (least is null and most is null)),
  check (least <= most)
);
create index links_merchant on gateway.links (merchant_id, id desc);
create index links_request on gateway.links (merchant_id, request_key) where request_key is not null;
