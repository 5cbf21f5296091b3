-- Rights of the running program. What a case is about never changes.
grant usage on schema cases to :app_role;
grant select, insert on cases.cases to :app_role;
grant update (intent_id, merchant_id, receipt_id, number, ours_asset, ours, theirs_asset, theirs, state, note, closed_at)
  on cases.cases to :app_role;
