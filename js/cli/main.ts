#!/usr/bin/env node
/** The program `rusty-attachments`. */

import { status } from './failure.js'
import { Interruption } from './interruption.js'
import { run } from './program.js'

// Whoever types a command has not chosen the SDK and seldom Node.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

const interruption = new Interruption()
const ending = await run(process.argv.slice(2), interruption)
await Promise.all([process.stdout, process.stderr].map(written))
const { failure } = interruption
if (failure) process.stderr.write(`error: what it prints cannot be written: ${failure.message}\n`)
// What nobody waits for any more, as other questions beside the one that failed, keeps nobody waiting.
process.exit(failure ? status.failed : ending)

/** Waits until everything has been written, or cannot be. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      resolve()
    })
  })
}
