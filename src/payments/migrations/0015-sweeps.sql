-- The sweep over all addresses is a row of its own, `<rail>:sweep`, with a cursor of its own.
alter table payments.watches
  drop column swept_at,
  -- The last look that reached the end of what there was: what is watched is compared with this time, not with a later one.
  add column caught_up_at timestamptz;
