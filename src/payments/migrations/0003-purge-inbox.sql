-- Events that were handled are removed after a while. They lie in the order in which they came, so a few bytes a page find the old ones.
create index inbox_received on payments.inbox using brin (received_at);
do $$
begin
  if exists (select from pg_roles where rolname = 'purser_app') then
    grant delete on payments.inbox to purser_app;
  end if;
end$$;
