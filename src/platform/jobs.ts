export type { Cron, DueQueue, EnqueueOptions, Job, JobContext, RunContext } from './jobs/contract.ts'
export { migrateJobs } from './jobs/migrate.ts'
