-- Rights of the running program. It cannot update a quote.
grant usage on schema rates to :app_role;
grant select, insert, update, delete on rates.sources, rates.last_good to :app_role;
grant select, insert, delete on rates.quotes to :app_role;
