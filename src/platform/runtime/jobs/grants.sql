-- Rights of the running program on the job queue's tables. It cannot change the schema.
grant usage on schema graphile_worker to :app_role;
grant select, insert, update, delete on graphile_worker._private_jobs to :app_role;
grant select, insert, update on graphile_worker._private_job_queues to :app_role;
grant select, insert on graphile_worker._private_tasks to :app_role;
grant select on graphile_worker.migrations to :app_role;
