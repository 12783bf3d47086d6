// A checkpoint never names what is not on the disk: every file is flushed before the checkpoint that counts it. A kill
// cannot prove that, for what is written survives it; so the system calls are looked at.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { job, passProgram, plainOptions, session, startQueue, task } from './queue.mjs'
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
    `what a checkpoint counts was flushed before it: ${name}`,
    { skip: !hasStrace && 'no strace' },
    async (t) => {
      const { farm, projects, options } = await startQueue(t)
      const files = Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}.txt`, `file ${n}`]))
      await farm.happen(job('cat'), session('cat'), task('cat', 0, files))
      const trace = join(await folder(t), 'trace')
      const watched = 'fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat'
      const node = [process.execPath, '--input-type=module', '-e', passProgram, plainOptions(farm, options)]
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
      const saved = positions(
        made,
        ([call, text]) => call.startsWith('rename') && text.includes('_download_checkpoint'),
      )
      assert.equal(placed.length, count, 'every file is put in its place by a call that we see')
      assert.ok(saved.length >= 1)
      // The one that counts the session action, which is whole with its last file.
      const counting = saved.at(-1)
      const wholeFileSystem = positions(made, ([call]) => call === 'syncfs')
      for (const place of placed) {
        const [path] = made[place][1].match(/[^"<]*\/cat\/\d+\.txt(?=")/)
        const own = positions(made, ([call, text]) => isFlush(call) && text.includes(`<${path}>`))
        const flushed = [...own, ...wholeFileSystem].some((flush) => flush > place && flush < counting)
        assert.ok(flushed, `${path} was not flushed before the checkpoint`)
      }

      // Of the three files the checkpoint is the last, and each is flushed before it takes its place.
      const order = ['_failed_jobs', '_rusty_attachments', '_download_checkpoint']
      const at = order.map((file) =>
        made.findIndex(([call, text]) => call.startsWith('rename') && text.includes(file)),
      )
      assert.deepEqual(
        [...at].sort((a, b) => a - b),
        at,
      )
      at.forEach((position, index) => {
        const flush = made.findLastIndex(
          ([call, text], place) => place < position && isFlush(call) && text.includes(order[index]),
        )
        assert.ok(flush >= 0, `${order[index]} was not flushed before it took its place`)
      })
    },
  )
}
