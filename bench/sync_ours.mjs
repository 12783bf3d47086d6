// One pass of ours, measured: node sync_ours.mjs OPTIONS, where the options hold the client's as `client`.

import { DeadlineClient } from '@aws-sdk/client-deadline'
import { syncOutputs } from 'rusty-attachments'

import { measured } from './measure.mjs'

const { client, ...options } = JSON.parse(process.argv[2])
const pass = async () => {
  const { stats } = await syncOutputs({ ...options, deadline: new DeadlineClient(client) })
  return { files: stats.filesTotal, failed: stats.filesFailed }
}
console.log(JSON.stringify(await measured(pass)))
