// Benchmarks: never a test, always ratios within one run.

import { browser } from './browser.mjs'
import { core } from './core.mjs'
import { sync } from './sync.mjs'
import { transfer } from './transfer.mjs'

const benches = { browser, core, sync, transfer }
const [name, ...rest] = process.argv.slice(2)
const runs = Number(rest[0] ?? 5)
if (!(name in benches) || !Number.isInteger(runs) || runs < 1) {
  console.log(`usage: npm run bench -- ${Object.keys(benches).join('|')} [RUNS] [ROWS]

  npm run bench -- core              five runs of each, in turn
  npm run bench -- core 1            once, to see that it works
  npm run bench -- browser           a million files in the preview
  npm run bench -- sync 3            three runs beside deadline queue sync-output
  npm run bench -- transfer 3 A,D    three runs, only of these rows`)
  process.exit(2)
}
await benches[name]({ runs, rest: rest.slice(1) })
