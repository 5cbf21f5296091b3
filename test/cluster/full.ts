// npm run cluster: the full form of cluster.test.ts, with longer faults, more load and the defaults of the program. Takes about 15 minutes.
import { countsLine } from '../../tools/testing/report.ts'
import { runTests } from '../../tools/testing/run.ts'

process.env['PURSER_CLUSTER'] = 'full'
const counts = await runTests({ filters: ['test/cluster/'], limitMs: 40 * 60_000 })
process.stdout.write(`\n${countsLine(counts)}\n`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
