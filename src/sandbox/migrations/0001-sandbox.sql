-- State of the simulated providers: what Safaricom, Stripe and the others would store. It survives a restart, as it does at the real providers.

-- Payment prompts on phones (STK push) of all mobile networks.
create table sandbox.prompts (
  -- The provider's id of the prompt; for M-Pesa its CheckoutRequestID.
  id text primary key,
  merchant_request_id text not null,
  network text not null default 'mpesa',
  phone text not null,
  asked_shillings bigint not null check (asked_shillings > 0),
  account_reference text not null,
  description text not null,
  callback_url text not null,
  created_at timestamptz not null,
  -- Time at which the phone answers automatically. Null: a person answers on /sandbox.
  acts_at timestamptz,
  -- Time at which an unanswered prompt disappears.
  ends_at timestamptz not null,
  ignored boolean not null default false,
  -- Result. Set once.
  result_code text,
  receipt_number text,
  paid_shillings bigint,
  decided_at timestamptz
);
create index prompts_waiting on sandbox.prompts (created_at) where result_code is null;
create index prompts_by_phone on sandbox.prompts (phone, created_at);
create index prompts_paid on sandbox.prompts (network, decided_at, id) where paid_shillings is not null;

-- Payouts to phones (M-Pesa B2C).
create table sandbox.payouts (
  -- OriginatorConversationID. Safaricom accepts each id once.
  id text primary key,
  conversation_id text not null,
  phone text not null,
  shillings bigint not null check (shillings > 0),
  result_url text not null,
  timeout_url text not null,
  created_at timestamptz not null,
  -- Time at which the payout completes.
  due_at timestamptz not null,
  result_code text,
  transaction_id text
);

-- Scheduled work: a phone answers, a callback is sent, a session expires.
create table sandbox.timers (
  id uuid primary key,
  kind text not null,
  subject text not null,
  body text not null,
  tries integer not null default 0,
  due_at timestamptz not null,
  -- Instance that runs the timer, and the number of its claim.
  claimed_by text,
  claim bigint not null default 0
);
create index timers_due on sandbox.timers (due_at) where claimed_by is null;
create index timers_claimed on sandbox.timers (claimed_by) where claimed_by is not null;

-- Stripe's objects as its API returns them. `hidden` holds state that the API does not show.
create table sandbox.stripe_objects (
  id text primary key,
  body jsonb not null,
  hidden jsonb not null,
  created_at timestamptz not null
);
create index stripe_objects_newest on sandbox.stripe_objects (created_at, id);
create index stripe_objects_refunds on sandbox.stripe_objects ((body ->> 'charge'), id) where body ->> 'object' = 'refund';

-- Stripe's responses by idempotency key.
create table sandbox.stripe_answers (
  key text primary key,
  request_hash text not null,
  status integer,
  body jsonb,
  created_at timestamptz not null
);

-- Webhook endpoints that were registered through Stripe's API.
create table sandbox.stripe_endpoints (
  id text primary key,
  url text not null unique,
  created_at timestamptz not null
);

-- Objects of the other simulated providers, as their APIs return them. `hidden` holds state that the API does not show.
create table sandbox.objects (
  provider text not null,
  id text not null,
  body jsonb not null,
  hidden jsonb not null,
  created_at timestamptz not null,
  primary key (provider, id)
);
create index objects_newest on sandbox.objects (provider, created_at, id);

-- Webhook addresses of the other simulated providers, as a merchant sets them in the provider's console.
create table sandbox.endpoints (
  provider text not null,
  url text not null,
  created_at timestamptz not null,
  primary key (provider, url)
);

-- Planned faults: how a provider misbehaves in its next `times_left` responses or deliveries.
create table sandbox.faults (
  provider text not null,
  place text not null check (place in ('answer', 'delivery')),
  kind text not null,
  times_left integer not null check (times_left >= 0),
  -- Factor for the prices of a lying price source.
  percent integer not null,
  -- Delay of a slow response.
  delay_ms integer not null,
  primary key (provider, place)
);

-- Prices that were set on /sandbox/prices. The price sources use constants for the other currencies.
create table sandbox.prices (
  currency text primary key,
  -- Price of one unit, in 1e-18 USD.
  usd numeric(38, 0) not null check (usd > 0)
);

-- The simulated Bitcoin chain: blocks, mempool and the state of its node, in one small row that is read as a whole.
create table sandbox.bitcoin (
  id smallint primary key check (id = 1),
  version bigint not null,
  body text not null
);
