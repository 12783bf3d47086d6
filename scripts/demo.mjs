// The demo: one job that was rendered from a Windows workstation, downloaded to where this machine keeps projects,
// which is `demo-output` or the folder given; then a job that is still rendered while a watcher brings its frames.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

import { build, install, root } from './build.mjs'
import { watchShow } from './demo-sync.mjs'
import { buildFarm, startFarm } from './farm.mjs'

if (!existsSync(join(root, 'dist', 'index.js'))) {
  console.log('The first run builds everything; that takes some minutes. The next one starts at once.\n')
}
install()
await build()
buildFarm()

// Who tries the demo has chosen neither the SDK nor its warnings.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

// Of what has just been built.
const { downloadJobOutputs } = await import('rusty-attachments')
const { ProgressLine } = await import('../dist/cli/progress-line.js')
const { Terminal } = await import('../dist/cli/terminal.js')
const { bytes, count, duration } = await import('../dist/cli/words.js')
const { contactSheet } = await import('./contact-sheet.mjs')

const output = resolve(process.argv[2] ?? join(root, 'demo-output'))
const projects = join(output, 'Projects')
const osFamily = { win32: 'WINDOWS', darwin: 'MACOS' }[process.platform] ?? 'LINUX'
mkdirSync(output, { recursive: true })

const farm = await startFarm('--show')
try {
  const { bucket, rootPrefix, region, endpoint, credentials } = farm
  const { farmId, queueId, jobId, jobName, jobStorageProfile } = farm
  const windowsRoot = jobStorageProfile.fileSystemLocations[0].path
  console.log(`${jobName}: submitted on Windows below ${windowsRoot}, wanted below ${projects}\n`)

  const bar = new ProgressLine(new Terminal())
  const result = await downloadJobOutputs({
    s3: { bucket, rootPrefix, region, endpoint, credentials },
    farmId,
    queueId,
    jobId,
    jobStorageProfile,
    localStorageProfile: {
      storageProfileId: 'sp-this-machine',
      displayName: 'This machine',
      osFamily,
      fileSystemLocations: [{ name: 'Projects', path: projects, type: 'LOCAL' }],
    },
    onProgress: bar.show,
  })
  bar.end()

  const { stats, unmapped, unmappedCount, failures, failureCount } = result
  const seconds = duration(stats.elapsedSeconds)
  if (stats.filesTransferred === 0 && failureCount === 0) {
    console.log(
      `Nothing to fetch: ${count(stats.filesSkipped, 'file')} (${bytes(stats.bytesSkipped)}) here already; looked in ${seconds}.`,
    )
  } else {
    console.log(
      `Downloaded ${count(stats.filesTransferred, 'file')}, ${bytes(stats.bytesTransferred)}, in ${seconds}` +
        (stats.filesSkipped > 0 ? `; ${stats.filesSkipped} were here already.` : '.'),
    )
  }
  if (unmappedCount > 0) {
    console.log(
      `\n${count(unmappedCount, 'file')} could not be mapped, since this machine has no such place:`,
    )
    for (const { absoluteSourcePath } of unmapped) console.log(`  ${absoluteSourcePath}`)
    for (const reason of new Set(unmapped.map(({ reason }) => `${reason.code}: ${reason.message}`))) {
      console.log(`  ${reason}`)
    }
  }
  for (const { localPath, code, message } of failures)
    console.error(`  failed: ${localPath}: ${code}: ${message}`)

  const sheet = join(output, 'contact-sheet.html')
  const files = result.plan.files().map((file) => ({
    ...file,
    href: relative(output, file.localPath).split(sep).map(encodeURIComponent).join('/'),
  }))
  writeFileSync(sheet, contactSheet({ jobName, jobId, windowsRoot, projects, files, unmapped }))
  console.log(`\nContact sheet: ${pathToFileURL(sheet)}`)
  if (failureCount > 0) process.exitCode = 1

  await watchShow({ farm, output, projects, osFamily })
} finally {
  await farm.stop()
}
