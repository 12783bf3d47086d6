// The long form of the tests that mix faults: more files, more rounds, each with another seed.

import { run } from './build.mjs'

process.env.RUSTY_ATTACHMENTS_FILES ??= '2000'
process.env.RUSTY_ATTACHMENTS_ROUNDS ??= '50'
run(
  'cargo',
  'test',
  '--release',
  '-p',
  'rusty-attachments-transfer',
  '--test',
  'mixed_faults',
  '--',
  '--nocapture',
)
