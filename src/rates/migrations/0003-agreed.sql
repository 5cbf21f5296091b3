-- The last value that two sources at least agreed on, and the oldest time in it: what one says alone later is measured by it.
alter table rates.last_good
  add column agreed_numerator numeric check (agreed_numerator > 0 and scale(agreed_numerator) = 0),
  add column agreed_denominator numeric check (agreed_denominator > 0 and scale(agreed_denominator) = 0),
  add column agreed_at timestamptz;
update rates.last_good set agreed_numerator = numerator, agreed_denominator = denominator, agreed_at = at where cardinality(sources) > 1;
