// A checkpoint never names what is not on the disk: every file is flushed before the checkpoint that counts it. A kill
// cannot prove that, for what is written survives it; so the system calls are looked at.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { firstTaskIndex, job, passProgram, plainOptions, session, startQueue, task } from './queue.mjs'
import { folder } from './support.mjs'

const hasStrace = spawnSync('strace', ['-f', 'true']).status === 0

/** What a pass does to the disk, in order: `[call, its text]`, a call that was interrupted where it returned. */
function calls(trace) {
  const begun = new Map()
  const done = []
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const [, pid, rest] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (!rest) continue
    if (rest.endsWith('<unfinished ...>')) begun.set(pid, rest.slice(0, -'<unfinished ...>'.length))
    else if (rest.startsWith('<... '))
      done.push((begun.get(pid) ?? '') + rest.replace(/^<\.\.\. \w+ resumed>/, ''))
    else done.push(rest)
  }
  return done.filter((text) => !/ = -1 /.test(text)).map((text) => [text.slice(0, text.indexOf('(')), text])
}

/** Positions of the calls that this is true of. */
const positions = (list, isIt) => list.flatMap((call, index) => (isIt(call) ? [index] : []))

for (const [name, count] of [
  ['few files, each by itself', 5],
  ['many files, by their file system', 200],
]) {
  test(
    `what any checkpoint counts was flushed before it: ${name}`,
    { skip: !hasStrace && 'no strace' },
    async (t) => {
      const { farm, projects, options } = await startQueue(t)
      const tasks = Array.from({ length: count }, (_, n) => task('cat', n, { [`${n}.txt`]: `file ${n}` }))
      await farm.happen(job('cat', { steps: [{ name: 'render', tasks: count }] }), session('cat'), ...tasks)
      // The last few take their time, so that there are checkpoints before the last.
      await farm.setRules({
        requests: { keyContains: '/Data/' },
        often: { after: count - 4 },
        effect: { delay: { milliseconds: 900 } },
      })
      const directory = await folder(t)
      const trace = join(directory, 'trace')
      const checkpointCopies = join(directory, 'checkpoints')
      mkdirSync(checkpointCopies)
      const watched = 'fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat'
      const given = plainOptions(farm, { ...options, concurrency: 1, checkpointCopies })
      const node = [process.execPath, '--input-type=module', '-e', passProgram, given]
      const { status, stderr } = spawnSync('strace', ['-f', '-y', '-o', trace, '-e', watched, ...node], {
        cwd: import.meta.dirname,
        encoding: 'utf8',
      })
      assert.equal(status, 0, stderr)

      const made = calls(trace)
      const isFlush = (call) => /^(fsync|fdatasync|syncfs)$/.test(call)
      const placed = positions(
        made,
        ([call, text]) => /^(rename|link)/.test(call) && text.includes(`${projects}/`),
      )
      assert.equal(placed.length, count, 'every file is put in its place by a call that we see')
      const pathOf = (place) => made[place][1].match(/[^"<]*\/cat\/\d+\.txt(?=")/)[0]
      const placeOf = new Map(placed.map((place) => [pathOf(place), place]))

      const taking = (file) =>
        positions(made, ([call, text]) => call.startsWith('rename') && text.includes(file))
      // The first checkpoint is that of a beginning. Of those after it there are copies, each once.
      const saved = taking('_download_checkpoint').slice(1)
      const copies = readdirSync(checkpointCopies)
        .sort((a, b) => a - b)
        .map((copy) => readFileSync(join(checkpointCopies, copy), 'utf8'))
      const checkpoints = copies.filter((text, index) => text !== copies[index - 1])
      assert.equal(saved.length, checkpoints.length)
      assert.ok(checkpoints.length > 2, 'some come while the pass lasts')
      const counts = checkpoints.map((text) => {
        const indexes = JSON.parse(text).jobs.map((entry) =>
          Object.values(entry.sessionCompletedIndexes ?? {}),
        )
        return Math.max(...indexes.flat(), firstTaskIndex - 1) - firstTaskIndex + 1
      })
      assert.equal(counts.at(-1), count)
      assert.ok(
        counts.some((counted) => counted > 0 && counted < count),
        'one before the last counts some',
      )
      const wholeFileSystem = positions(made, ([call]) => call === 'syncfs')
      for (const [index, counted] of counts.entries()) {
        for (let number = 0; number < counted; number++) {
          const path = join(projects, `cat/${number}.txt`)
          const place = placeOf.get(path)
          const own = positions(made, ([call, text]) => isFlush(call) && text.includes(`<${path}>`))
          const flushed = [...own, ...wholeFileSystem].some((flush) => flush > place && flush < saved[index])
          assert.ok(flushed, `${path} was not flushed before checkpoint ${index}, which counts it`)
        }
      }

      // Each of the three files is flushed before it takes its place, every time, and the checkpoint takes it last.
      const order = ['_failed_jobs', '_rusty_attachments', '_download_checkpoint']
      for (const file of order) {
        const places = taking(file)
        for (const [index, place] of places.entries()) {
          const isOwn = ([call, text], position) =>
            position > (places[index - 1] ?? -1) && position < place && isFlush(call) && text.includes(file)
          assert.ok(made.some(isOwn), `${file} was not flushed before it took its place`)
        }
      }
      const names = made.flatMap(([call, text]) =>
        call.startsWith('rename') ? order.filter((file) => text.includes(file)) : [],
      )
      assert.equal(names.at(-1), order[2])
      for (const [index, name] of names.entries()) {
        if (name === order[2]) continue
        assert.ok(order.indexOf(names[index + 1]) >= order.indexOf(name), `${names} out of order`)
      }
    },
  )
}
