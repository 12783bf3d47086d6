// The long forms of some tests: of those that mix faults with more files and rounds, each with another seed; of those
// that list with more keys.

import { run } from './build.mjs'

process.env.RUSTY_ATTACHMENTS_FILES ??= '2000'
process.env.RUSTY_ATTACHMENTS_ROUNDS ??= '50'
process.env.RUSTY_ATTACHMENTS_KEYS ??= '100000'
run(
  'cargo',
  'test',
  '--release',
  '--no-fail-fast',
  '-p',
  'rusty-attachments-transfer',
  '--test',
  'mixed_faults',
  '--test',
  'listing',
  '--test',
  'bounds',
  '--',
  '--nocapture',
)
