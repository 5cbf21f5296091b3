-- Rights of the running program. A match is written once.
grant usage on schema reconciliation to :app_role;
grant select, insert on reconciliation.runs, reconciliation.matches to :app_role;
grant update (due_at, claimed_by, claim, tries, lines, matched, repaired, cases, problem, finished_at) on reconciliation.runs to :app_role;
