-- The providers' side of the world: what Safaricom and Stripe would remember. It outlives a kill, as they would.

-- A prompt that a phone was shown (STK push).
create table sandbox.prompts (
  -- CheckoutRequestID
  id text primary key,
  merchant_request_id text not null,
  phone text not null,
  asked_shillings bigint not null check (asked_shillings > 0),
  account_reference text not null,
  description text not null,
  callback_url text not null,
  created_at timestamptz not null,
  -- When the phone acts by itself; null: somebody acts for it at /sandbox.
  acts_at timestamptz,
  -- When the prompt goes away unanswered.
  ends_at timestamptz not null,
  ignored boolean not null default false,
  -- Set once, when it is decided.
  result_code text,
  receipt_number text,
  paid_shillings bigint,
  decided_at timestamptz
);
create index prompts_waiting on sandbox.prompts (created_at) where result_code is null;
create index prompts_by_phone on sandbox.prompts (phone, created_at);

-- What is to be done at a time: a phone acts, a callback is delivered, a session ends.
create table sandbox.timers (
  id uuid primary key,
  kind text not null,
  subject text not null,
  body text not null,
  tries integer not null default 0,
  due_at timestamptz not null
);
create index timers_due on sandbox.timers (due_at);

-- Stripe's objects as its API shows them.
create table sandbox.stripe_objects (
  id text primary key,
  body jsonb not null,
  -- What Stripe knows and does not show.
  hidden jsonb not null,
  created_at timestamptz not null
);

-- Answers by idempotency key.
create table sandbox.stripe_answers (
  key text primary key,
  request_hash text not null,
  status integer,
  body jsonb,
  created_at timestamptz not null
);

-- Webhook endpoints that were registered through the API.
create table sandbox.stripe_endpoints (
  id text primary key,
  url text not null unique,
  created_at timestamptz not null
);

do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant usage on schema sandbox to purser_app;
    grant select, insert, update, delete on all tables in schema sandbox to purser_app;
  end if;
end
$$;
