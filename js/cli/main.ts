#!/usr/bin/env node
/** The program `rusty-attachments`. */

import { Interruption } from './interruption.js'
import { run } from './program.js'

// Whoever types a command has not chosen the SDK and seldom Node.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

process.exitCode = await run(process.argv.slice(2), new Interruption())
