// Benchmarks: never a test, always ratios within one run.

import { core } from './core.mjs'

const benches = { core }
const [name, ...rest] = process.argv.slice(2)
const runs = Number(rest[0] ?? 5)
if (!(name in benches) || !Number.isInteger(runs) || runs < 1) {
  console.log(`usage: npm run bench -- ${Object.keys(benches).join('|')} [RUNS]

  npm run bench -- core        five runs of each, in turn
  npm run bench -- core 1      once, to see that it works`)
  process.exit(2)
}
await benches[name]({ runs })
