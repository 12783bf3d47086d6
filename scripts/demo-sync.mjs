// The second half of the demo: a job is rendered while a watcher keeps the folder up to date.

import { rmSync } from 'node:fs'
import { join, relative } from 'node:path'

const shot = 'Lighthouse – dawn'
const frames = 8
/** How long a frame takes to render, in milliseconds. */
const rendering = 400

/** Lets the job run and the watcher watch; ends when all frames are here. */
export async function watchShow({ farm, output, projects, osFamily }) {
  const { watchOutputs } = await import('rusty-attachments')
  const { DeadlineClient } = await import('@aws-sdk/client-deadline')
  const { farmId, queueId, endpoint, region, credentials } = farm
  const windowsRoot = 'Z:\\Projects\\Dawn'
  const profile = (name, family, path) => {
    const locations = [{ name: 'Projects', path, type: 'LOCAL' }]
    return { event: 'storageProfile', name, osFamily: family, locations }
  }
  const { storageProfiles } = await farm.happen(
    profile('this machine', osFamily, projects),
    profile('workstation', 'WINDOWS', 'Z:\\Projects'),
    {
      event: 'job',
      name: shot,
      storageProfile: 'workstation',
      roots: [{ path: windowsRoot, format: 'windows' }],
      steps: [{ name: 'render', tasks: frames }],
    },
    { event: 'session', job: shot, name: 'worker' },
  )
  console.log(
    `\n${shot}: a worker renders below ${windowsRoot}, a watcher brings each frame to ${projects}\n`,
  )

  // Every run of the demo has a queue of its own.
  const checkpointDirectory = join(output, 'checkpoints')
  rmSync(checkpointDirectory, { recursive: true, force: true })
  const stop = new AbortController()
  const began = performance.now()
  const say = (text) =>
    console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`)
  const rendered = render(farm, stop.signal)
  let landed = 0
  let passes = 0
  const events = watchOutputs({
    farmId,
    queueId,
    localStorageProfileId: storageProfiles['this machine'],
    checkpointDirectory,
    bootstrapLookbackMinutes: 1,
    deadline: new DeadlineClient({ endpoint, region, credentials, disableHostPrefix: true }),
    s3: { endpoint },
    intervalSeconds: 0.5,
    signal: stop.signal,
  })
  for await (const event of events) {
    if (event.type === 'job') say(`${event.job.name}: ${event.job.message}`)
    if (event.type === 'file') say(`  ${++landed} of ${frames}  ${relative(projects, event.localPath)}`)
    if (event.type === 'failure') say(`${event.code}: ${event.message}`)
    if (event.type === 'pass-finished') passes++
    if (event.type === 'pass-finished' && landed === frames) stop.abort()
  }
  await rendered
  console.log(`\n${landed} frames landed as they were finished, in ${passes} passes over the queue.`)
}

/** One task after the other. */
async function render(farm, signal) {
  for (let frame = 0; frame < frames && !signal.aborted; frame++) {
    await new Promise((resolve) => setTimeout(resolve, rendering))
    const path = `frames/dawn.${String(frame + 1).padStart(4, '0')}.svg`
    const files = [{ path, text: picture(frame / (frames - 1)), mtime: 1_760_000_000_000_000 + frame }]
    await farm.happen({ event: 'task', job: shot, session: 'worker', task: frame, files })
  }
}

/** The sun comes up behind a lighthouse; `time` is from 0 to 1. */
function picture(time) {
  const mix = (from, to) => from.map((value, index) => Math.round(value + (to[index] - value) * time))
  const colour = (from, to) => `rgb(${mix(from, to).join(' ')})`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 180">
  <linearGradient id="sky" x2="0" y2="1">
    <stop offset="0" stop-color="${colour([16, 20, 48], [120, 178, 232])}"/>
    <stop offset="1" stop-color="${colour([60, 40, 84], [255, 214, 160])}"/>
  </linearGradient>
  <rect width="320" height="180" fill="url(#sky)"/>
  <circle cx="${90 + 50 * time}" cy="${150 - 84 * time}" r="17" fill="${colour([226, 92, 60], [255, 240, 200])}"/>
  <rect y="128" width="320" height="52" fill="${colour([14, 22, 46], [46, 104, 140])}"/>
  <path d="M210 134q40-26 110-22v68H196z" fill="${colour([12, 12, 22], [58, 66, 58])}"/>
  <path d="M246 62h16l6 58h-28z" fill="${colour([120, 120, 136], [250, 246, 238])}"/>
  <path d="M245 74h18l1 12h-20z" fill="${colour([92, 30, 40], [206, 60, 54])}"/>
  <path d="M243 62h22v-4h-3V48h-16v10h-3z" fill="${colour([30, 30, 44], [70, 70, 80])}"/>
  <path d="M254 53L60 ${30 + 30 * time}v18z" fill="rgb(255 240 180 / ${(0.55 * (1 - time)).toFixed(2)})"/>
</svg>
`
}
