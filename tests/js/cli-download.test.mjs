// `rusty-attachments download`, as a person at a terminal meets it, and as a script does.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { DownloadOrchestrator, parseOutputManifestKey } from 'rusty-attachments'

import { ask } from '../../dist/cli/questions.js'
import {
  configure,
  lastLine,
  run,
  runInTerminal,
  runOntoFullDisk,
  runUnread,
  startStudio,
} from './command-line.mjs'
import { job, operations, session, task, tree } from './queue.mjs'
import { s3Of } from './support.mjs'

const wholeTree = {
  'Lighthouse/beauty/0001.exr': 'one',
  'Lighthouse/beauty/0002.exr': 'two',
  'Lighthouse/notes.txt': 'three',
}
const files = { 'beauty/0001.exr': 'one', 'beauty/0002.exr': 'two', 'notes.txt': 'three' }

/** A studio with one job of three files. */
async function lighthouse(test, more) {
  const studio = await startStudio(test)
  const names = await studio.farm.happen(
    job('Lighthouse', more),
    session('Lighthouse'),
    task('Lighthouse', 0, files),
  )
  const { jobId, steps } = names.jobs.Lighthouse
  await configure(studio.home, studio.farm, { storageProfileId: studio.storageProfiles.here, jobId })
  const at = { env: studio.env, cwd: studio.home }
  return { ...studio, jobId, stepId: steps.render, at }
}

/** The same, where nobody says how paths are mapped. */
const withoutProfile = { storageProfile: undefined }

describe('for a person', () => {
  test('who has set up the deadline CLI there is nothing more to type', async (t) => {
    const { projects, at, jobId } = await lighthouse(t)
    const first = await runInTerminal(['download'], at).ended
    assert.equal(first.code, 0, first.screen)
    assert.match(first.screen, new RegExp(`^Lighthouse {2}${jobId}\n`))
    assert.match(first.screen, /Downloaded 3 files, 11 B, in .* s\.\n {2}\S+projects\/Lighthouse {2}3 files/)
    assert.deepEqual(tree(projects), wholeTree)

    const second = await runInTerminal(['download'], at).ended
    assert.match(second.screen, /Nothing to fetch: 3 files \(11 B\) here already/)
  })

  test('profile and region come from there too, from whichever file DEADLINE_CONFIG_FILE_PATH names', async (t) => {
    const { farm, home, projects, storageProfiles, jobId, env } = await lighthouse(t)
    const { AWS_REGION: region, AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, ...rest } = env
    const file = join(home, 'elsewhere/config')
    const at = { env: { ...rest, DEADLINE_CONFIG_FILE_PATH: '~/elsewhere/config' }, cwd: home }
    const set = (more) =>
      configure(home, farm, {
        profile: 'studio',
        storageProfileId: storageProfiles.here,
        jobId,
        file,
        ...more,
      })
    await mkdir(join(home, '.aws'))
    await writeFile(
      join(home, '.aws/credentials'),
      `[studio]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`,
    )
    await set({})
    assert.match((await run(['download'], at)).stderr, /^error: no region is set; give --region/)
    await set({ region })
    const { code, stderr } = await run(['download'], at)
    assert.equal(code, 0, stderr)
    assert.deepEqual(tree(projects), wholeTree)
    await set({})
    await writeFile(join(home, '.aws/config'), `[profile studio]\nregion = ${region}\n`)
    assert.equal((await run(['sync', '--dry-run'], at)).code, 0, 'or as AWS tools find it')
    const another = await run(['download', '--profile', 'another'], at)
    assert.match(another.stderr, /no farm is given/, 'another profile has settings of its own')
  })

  test('there is a bar with files, bytes, rate and time left, in a line of its own', async (t) => {
    const { farm, at } = await lighthouse(t)
    await farm.setRules({ requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 600 } } })
    const session = runInTerminal(['download'], { ...at, columns: 90 })
    await session.see(/[█▏▎▍▌▋▊▉░]{10,} {2}0\/3 files {2}0 B of 11 B {2}0 B\/s/)
    const { screen, raw } = await session.ended
    assert.match(raw, /3\/3 files {2}11 B of 11 B/)
    assert.doesNotMatch(screen, /[█░]/, 'what is left says it all')
    for (const line of raw.split(/\r|\n/)) assert.ok(plainLength(line) < 90, line)
  })

  test('colours are shown, and with NO_COLOR none', async (t) => {
    const { at } = await lighthouse(t)
    const colour = new RegExp('\u001b\\[3\\dm')
    assert.match((await runInTerminal(['download'], at).ended).raw, colour)
    const { raw } = await runInTerminal(['download'], { ...at, env: { ...at.env, NO_COLOR: '1' } }).ended
    assert.doesNotMatch(raw, colour)
  })

  test('files that differ are asked about, and the answer is followed', async (t) => {
    const { projects, at } = await lighthouse(t)
    const note = join(projects, 'Lighthouse/notes.txt')
    await mkdir(join(projects, 'Lighthouse'), { recursive: true })
    await writeFile(note, 'mine')
    const asked =
      /notes\.txt is there already and differs\.\r\n\[c\]opy beside, \[o\]verwrite, \[s\]kip\? \[c\] $/

    const skip = runInTerminal(['download'], at)
    await skip.see(asked)
    skip.type('what?\r')
    await skip.see(asked)
    skip.type('s\r')
    assert.equal((await skip.ended).code, 0)
    assert.equal(tree(projects)['Lighthouse/notes.txt'], 'mine')

    const copy = runInTerminal(['download'], at)
    await copy.see(asked)
    copy.type('\r')
    await copy.ended
    const { 'Lighthouse/notes.txt': mine, 'Lighthouse/notes (1).txt': theirs } = tree(projects)
    assert.deepEqual([mine, theirs], ['mine', 'three'])

    const overwrite = runInTerminal(['download'], at)
    await overwrite.see(asked)
    overwrite.type('o\r')
    await overwrite.ended
    assert.equal(tree(projects)['Lighthouse/notes.txt'], 'three')
  })

  test('a no at a question ends it, and what only begins like an answer is none', async (t) => {
    const { home, projects, at } = await lighthouse(t)
    await mkdir(join(projects, 'Lighthouse'), { recursive: true })
    await writeFile(join(projects, 'Lighthouse/notes.txt'), 'mine')
    const conflict = runInTerminal(['download'], at)
    for (const answer of ['stop', 'overwritten', 'Cancel']) {
      await conflict.see(/\[s\]kip\? \[c\] $/)
      conflict.type(`${answer}\r`)
    }
    const place = runInTerminal(['download', '--ignore-storage-profiles'], at)
    await place.see(/Where should its 3 files go/)
    place.type('n\r')
    for (const { code, screen } of await Promise.all([conflict.ended, place.ended])) {
      assert.equal(code, 1)
      assert.match(screen, /\nerror: the answer was no, so nothing is downloaded\n$/)
    }
    assert.deepEqual(tree(projects), { 'Lighthouse/notes.txt': 'mine' })
    assert.ok(!existsSync(join(home, 'n')))
  })

  test('nothing is asked once it is stopped', { timeout: 10_000 }, async () => {
    await assert.rejects(
      ask('?', (answer) => answer, AbortSignal.abort()),
      { name: 'AbortError' },
    )
  })

  test('nothing is asked where --yes, an option or the configuration has answered', async (t) => {
    const { farm, home, projects, at, storageProfiles, jobId } = await lighthouse(t)
    await mkdir(join(projects, 'Lighthouse'), { recursive: true })
    const differs = () => writeFile(join(projects, 'Lighthouse/notes.txt'), 'mine')
    const notes = () => tree(projects)['Lighthouse/notes.txt']
    await differs()
    await runInTerminal(['download', '--conflict-resolution', 'SKIP'], at).ended
    assert.equal(notes(), 'mine')
    await runInTerminal(['download', '--yes'], at).ended
    assert.equal(tree(projects)['Lighthouse/notes (1).txt'], 'three')
    const settings = 'conflict_resolution = OVERWRITE'
    await configure(home, farm, { storageProfileId: storageProfiles.here, jobId, settings })
    await runInTerminal(['download'], at).ended
    assert.equal(notes(), 'three')
  })

  test('a root of another kind of machine is asked about, and goes where the answer says', async (t) => {
    const { home, at } = await lighthouse(t, withoutProfile)
    const session = runInTerminal(['download', '--ignore-storage-profiles'], at)
    await session.see(/P:\\Projects\\Lighthouse has no place on this machine/)
    await session.see(/Where should its 3 files go\? \[.*Lighthouse\] $/)
    session.type('here\r')
    const { code, screen } = await session.ended
    assert.equal(code, 0, screen)
    assert.deepEqual(tree(join(home, 'here')), files)
  })

  test('a root that the storage profiles do not map may be left out or given a place', async (t) => {
    const { home, at } = await lighthouse(t, { storageProfile: 'stranger' })
    const question = /Where should its 3 files go\? \[leave them out\] $/
    const leave = runInTerminal(['download'], at)
    await leave.see(question)
    leave.type('\r')
    const left = await leave.ended
    assert.equal(left.code, 1)
    assert.match(
      left.screen,
      /3 files have no place on this machine:\n {2}P:\\Projects\\Lighthouse\\beauty\\0001\.exr/,
    )
    assert.match(left.screen, /--root 'OLD=NEW'/)
    const place = runInTerminal(['download'], at)
    await place.see(question)
    place.type('~/there\r')
    assert.equal((await place.ended).code, 0)
    assert.deepEqual(tree(join(home, 'there')), files)
  })

  test('Ctrl-C stops cleanly, says how far it came and ends with 130; the next run goes on', async (t) => {
    const { farm, projects, at } = await lighthouse(t)
    await farm.setRules({
      requests: { keyContains: '/Data/' },
      often: { first: 2 },
      effect: { delay: { milliseconds: 60_000 } },
    })
    const session = runInTerminal(['download'], at)
    await session.see(/1\/3 files/)
    session.type('\x03')
    const { code, screen } = await session.ended
    assert.equal(code, 130, screen)
    assert.match(screen, /Stopped after 1 of 3 files.* goes on from there\.\n$/)
    assert.doesNotMatch(screen, /error/)
    assert.equal(Object.keys(tree(projects)).length, 1, 'what was whole stays, and nothing else')
    await farm.setRules()
    assert.equal((await runInTerminal(['download'], at).ended).code, 0)
    assert.deepEqual(tree(projects), wholeTree)
  })

  test('Ctrl-C is a line of JSON, with what is done, where JSON is asked for', async (t) => {
    const { farm, at } = await lighthouse(t)
    const slow = { requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 60_000 } } }
    await farm.setRules({ ...slow, often: { first: 2 } })
    const session = runInTerminal(['download', '--output', 'json'], { ...at, columns: 1000 })
    await session.see(/"filesDone":1/)
    session.type('\x03')
    const { code, screen } = await session.ended
    assert.equal(code, 130, screen)
    const { messageType, filesDone, filesTotal } = lastLine(screen)
    assert.deepEqual([messageType, filesDone, filesTotal], ['stopped', 1, 3])
  })

  test('a second Ctrl-C does not wait for what cannot be stopped', { timeout: 120_000 }, async (t) => {
    const { farm, home, at, jobId } = await lighthouse(t)
    await mkdir(join(home, '.aws'))
    // Another program is asked for credentials, does not answer, and is deaf to Ctrl-C. It ends with the terminal.
    const [script, asked] = [join(home, 'slow.sh'), join(home, 'asked')]
    await writeFile(script, `trap '' INT; touch ${asked}; exec sleep 60`)
    await writeFile(join(home, '.aws/config'), `[profile slow]\ncredential_process = sh ${script}\n`)
    const ids = ['--farm-id', farm.farmId, '--queue-id', farm.queueId, '--job-id', jobId]
    const session = runInTerminal(['download', '--profile', 'slow', ...ids], at)
    while (!existsSync(asked)) await sleep(20)
    session.type('\x03')
    await sleep(300)
    const began = performance.now()
    session.type('\x03')
    assert.equal((await session.ended).code, 130)
    assert.ok(performance.now() - began < 10_000)
  })

  test('Ctrl-C at a question ends with 130, Ctrl-D is no answer', async (t) => {
    const { home, at } = await lighthouse(t, withoutProfile)
    for (const [key, expected] of [
      ['\x03', 130],
      ['\x04', 1],
    ]) {
      const session = runInTerminal(['download', '--ignore-storage-profiles'], at)
      await session.see(/Where should/)
      session.type(key)
      assert.equal((await session.ended).code, expected)
    }
    assert.deepEqual(tree(join(home, 'Lighthouse')), {})
  })

  test('a file that fails is named with its reason, the rest lands, and the status is 1', async (t) => {
    const { farm, projects, at } = await lighthouse(t)
    await farm.happen({ event: 'damage', job: 'Lighthouse', path: 'notes.txt', how: 'wrongBytes' })
    const { code, screen } = await runInTerminal(['download'], at).ended
    assert.equal(code, 1)
    assert.match(screen, /Downloaded 2 files.*\n {2}\S+ {2}2 files\n/)
    assert.match(screen, /error: 1 file could not be downloaded:\n {2}\S+notes\.txt {2}HASH_MISMATCH\n {4}\S/)
    assert.equal(Object.keys(tree(projects)).length, 2)
  })

  test('names from elsewhere do not drive the terminal', async (t) => {
    const { farm, at } = await lighthouse(t)
    const name = 'a\u001b]0;gotcha\u0007.txt'
    await farm.happen({ event: 'requeue', job: 'Lighthouse' }, task('Lighthouse', 0, { [name]: 'x' }))
    const { raw } = await runInTerminal(['plan', '--output', 'verbose'], at).ended
    assert.ok(!raw.includes('\u001b]0'))
    assert.match(raw, /a\\x1b\]0;gotcha\\x07\.txt/)
  })
})

describe('for a script', () => {
  test('every line is JSON, with the message types of the reference', async (t) => {
    const { at, jobId } = await lighthouse(t)
    const { code, stderr, lines } = await run(['download'], at)
    assert.deepEqual([code, stderr], [0, ''])
    const [title, ...rest] = lines()
    assert.deepEqual(title, { messageType: 'title', value: 'Lighthouse', jobIds: [jobId] })
    const summary = rest.pop()
    assert.equal(summary.messageType, 'summary')
    assert.equal(summary.value, 'Downloaded 3 files')
    assert.deepEqual([summary.fileCount, summary.unmappedCount, summary.failureCount], [3, 0, 0])
    assert.ok(rest.length > 0)
    for (const { messageType, value } of rest) {
      assert.equal(messageType, 'progress')
      assert.match(value, /^\d+$/)
    }
  })

  test('plain words can be had, without what only a terminal understands', async (t) => {
    const { at } = await lighthouse(t)
    const { stdout, stderr } = await run(['download', '--output', 'VERBOSE'], at)
    assert.match(stdout, /^Lighthouse {2}job-\S+\n.*\nDownloaded 3 files/)
    assert.ok(!(stdout + stderr).includes('\u001b'))
  })

  test('nobody is asked: a root without a place is an error that says what to type, or goes where --yes puts it', async (t) => {
    const { home, at } = await lighthouse(t, withoutProfile)
    const refused = await run(['download', '--ignore-storage-profiles'], at)
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      /^error: P:\\Projects\\Lighthouse is a path .* --to DIR or --root 'P:.*=DIR'.* --yes\n$/,
    )
    assert.equal(refused.lines().at(-1).messageType, 'error')
    assert.equal((await run(['download', '--ignore-storage-profiles', '--yes'], at)).code, 0)
    assert.deepEqual(tree(join(home, 'Lighthouse')), files)
  })

  test('--to and --root say where roots go, whatever the storage profiles say', async (t) => {
    const { home, at } = await lighthouse(t)
    assert.equal((await run(['download', '--to', 'a'], at)).code, 0)
    const spelled = `p:/projects/LIGHTHOUSE=${join(home, 'b=c')}`
    assert.equal((await run(['download', '--root', spelled], at)).code, 0)
    assert.deepEqual([tree(join(home, 'a')), tree(join(home, 'b=c'))], [files, files])
    const mistyped = await run(['download', '--root', 'P:\\Project=x'], at)
    assert.equal(mistyped.code, 2)
    assert.match(mistyped.stderr, /names no asset root.*they are: P:\\Projects\\Lighthouse/)
  })

  test('--root wins over a location of the storage profiles below the root, and an answer does not', async (t) => {
    const studio = await startStudio(t)
    const { farm, home, env } = studio
    const local = (name, path) => ({ name, path, type: 'LOCAL' })
    const nas = join(home, 'nas')
    const profile = (name, osFamily, path) => ({
      event: 'storageProfile',
      name,
      osFamily,
      locations: [local('Beauty', path)],
    })
    const roots = ['P:\\Projects\\Two', 'C:\\Temp'].map((path) => ({ path, format: 'windows' }))
    const written = [
      { path: 'beauty/0001.exr', text: 'one' },
      { path: 'notes.txt', text: 'two' },
      { path: 'log', text: 'three', root: 1 },
    ]
    const names = await farm.happen(
      profile('desk', 'WINDOWS', 'p:/Projects/Two/Beauty'),
      profile('laptop', 'LINUX', nas),
      job('Two', { storageProfile: 'desk', roots }),
      session('Two'),
      { event: 'task', job: 'Two', session: 'one', task: 0, files: written },
    )
    const { jobId } = names.jobs.Two
    await configure(home, farm, { storageProfileId: names.storageProfiles.laptop, jobId })
    const at = { env, cwd: home }
    await run(['download', '--root', 'P:\\Projects\\Two=mine'], at)
    assert.deepEqual(tree(join(home, 'mine')), { 'beauty/0001.exr': 'one', 'notes.txt': 'two' })
    assert.deepEqual(tree(nas), {})
    const asked = runInTerminal(['download'], at)
    await asked.see(/Where should its 1 file go\? \[leave them out\] $/)
    asked.type('answered\r')
    await asked.see(/C:\\Temp has no place/)
    asked.type('\r')
    await asked.ended
    assert.deepEqual(
      [tree(join(home, 'answered')), tree(nas)],
      [{ 'notes.txt': 'two' }, { '0001.exr': 'one' }],
    )
  })

  test('a job without a storage profile is treated as one, though this machine has one', async (t) => {
    const { farm, home, projects, at, jobId } = await lighthouse(t, withoutProfile)
    const refused = await run(['download', '--output', 'verbose'], at)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /\nerror: P:\\Projects\\Lighthouse is a path .* --yes\n$/)
    assert.doesNotMatch(refused.stdout, /Mapped to/)
    const asked = runInTerminal(['download'], at)
    await asked.see(/Where should its 3 files go\? \[.*Lighthouse\] $/)
    asked.type('\x03')
    await asked.ended
    const names = await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
    const both = ['--job-id', jobId, '--job-id', names.jobs.cat.jobId]
    const { code, stdout } = await run(['download', '--yes', '--output', 'verbose', ...both], at)
    assert.equal(code, 0)
    assert.match(stdout, /Mapped to/)
    assert.deepEqual([tree(join(home, 'Lighthouse')), tree(projects)], [files, { 'cat/a.png': 'a' }])
  })

  test('with --yes each of several roots of one name has a folder of its own', async (t) => {
    const { farm, home, at, jobId } = await lighthouse(t, withoutProfile)
    const roots = [{ path: 'Q:\\Archive\\LIGHTHOUSE', format: 'windows' }]
    const names = await farm.happen(
      job('again', { ...withoutProfile, roots }),
      session('again'),
      task('again', 0, { 'notes.txt': 'another' }),
    )
    const both = ['--job-id', jobId, '--job-id', names.jobs.again.jobId]
    const { code, stderr } = await run(['download', ...both, '--ignore-storage-profiles', '--yes'], at)
    assert.equal(code, 0, stderr)
    assert.deepEqual(tree(join(home, 'Lighthouse')), files)
    assert.deepEqual(tree(join(home, 'LIGHTHOUSE (2)')), { 'notes.txt': 'another' })
  })

  test('files without a place are left out with status 1, unless --yes has said so', async (t) => {
    const { farm, home, projects, at } = await lighthouse(t, {
      roots: [
        { path: 'P:\\Projects\\Lighthouse', format: 'windows' },
        { path: 'C:\\Temp', format: 'windows' },
      ],
    })
    const written = [
      ...Object.keys(files).map((path) => ({ path, text: 'x' })),
      { path: 'log', text: 'y', root: 1 },
    ]
    await farm.happen(
      { event: 'requeue', job: 'Lighthouse' },
      { event: 'task', job: 'Lighthouse', session: 'one', task: 0, files: written },
    )
    const left = await run(['download'], at)
    assert.equal(left.code, 1, left.stderr)
    assert.equal(left.lines().at(-1).unmappedCount, 1)
    assert.match(left.stdout, /"value":"C:.*--root 'OLD=NEW'/)
    assert.ok(!left.stdout.includes('rootOverrides'))
    assert.equal(Object.keys(tree(projects)).length, 3)
    assert.equal((await run(['download', '--yes'], at)).code, 0)
    assert.equal((await run(['download', '--root', 'C:\\Temp=temp'], at)).code, 0)
    assert.deepEqual(tree(join(home, 'temp')), { log: 'y' })
  })

  test('several jobs are downloaded as one, each of several roots into a folder of its own below --to', async (t) => {
    const { farm, home, projects, at, jobId } = await lighthouse(t)
    const names = await farm.happen(
      job('Harbour'),
      session('Harbour'),
      task('Harbour', 0, { 'boat.png': 'b' }),
    )
    const both = ['download', '--job-id', jobId, '--job-id', names.jobs.Harbour.jobId]
    assert.equal((await run(both, at)).code, 0)
    const expected = { 'Harbour/boat.png': 'b', ...wholeTree }
    assert.deepEqual(tree(projects), expected)
    assert.equal((await run([...both, '--to', 'x'], at)).code, 0)
    assert.deepEqual(tree(join(home, 'x')), expected)
  })

  test('a step, a task by its latest session action, a session action, and patterns narrow it', async (t) => {
    const { farm, home, at, stepId, jobId } = await lighthouse(t, { steps: [{ name: 'render', tasks: 2 }] })
    await farm.happen(
      task('Lighthouse', 1, { 'beauty/0003.exr': 'early try' }),
      { event: 'requeue', job: 'Lighthouse', tasks: [1] },
      task('Lighthouse', 1, { 'beauty/0003.exr': 'final' }),
    )
    const { rootPrefix, farmId, queueId } = farm
    const keys = await new DownloadOrchestrator({ s3: s3Of(farm) }).discoverOutputManifestKeys(
      { rootPrefix, farmId, queueId },
      { scope: { jobId }, selectLatestPerTask: false },
    )
    const [, early, final] = keys
      .map((key) => parseOutputManifestKey(key, rootPrefix))
      .sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1))
    const download = async (name, ...parameters) => {
      const { code, stderr } = await run(['download', '--to', name, ...parameters], at)
      assert.equal(code, 0, stderr)
      return tree(join(home, name))
    }
    const all = { ...files, 'beauty/0003.exr': 'final' }
    assert.deepEqual(await download('step', '--step-id', stepId), all)
    const inWords = await run(['download', '--to', 'step', '--step-id', stepId, '--output', 'verbose'], at)
    assert.match(inWords.stdout, /^Lighthouse, step render {2}job-/)
    const ofTask = ['--step-id', stepId, '--task-id', final.taskId]
    await farm.forgetRequests()
    assert.deepEqual(await download('task', ...ofTask), { 'beauty/0003.exr': 'final' })
    assert.equal((await operations(farm)).GetTask, 1)
    assert.deepEqual(await download('action', '--session-action-id', early.sessionActionId), {
      'beauty/0003.exr': 'early try',
    })
    assert.deepEqual(Object.keys(await download('some', '-i', '*.txt', '--include', '*0003*')), [
      'beauty/0003.exr',
      'notes.txt',
    ])
    const ofJob = ['--include', 'P:/Projects/Lighthouse/beauty/', '--match-paths-by', 'JOB']
    assert.equal(Object.keys(await download('job', ...ofJob)).length, 3)
  })

  test('where nobody reads on, it stops with 141, and a failure stays a failure', async (t) => {
    const { farm, projects, at } = await lighthouse(t)
    const slow = { requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 60_000 } } }
    await farm.setRules({ ...slow, often: { first: 2 } })
    assert.deepEqual(await runUnread(['download'], at), { code: 141, stderr: '' })
    assert.ok(Object.keys(tree(projects)).length < 3)
    const unknown = ['download', '--job-id', `job-${'9'.repeat(32)}`]
    assert.equal((await runUnread(unknown, at, { beginning: false })).code, 1)
  })

  test('what is empty is as if it were not given, and the default profile is none', async (t) => {
    const { projects, at } = await lighthouse(t)
    const ids = ['--farm-id', '--queue-id', '--job-id', '--step-id', '--storage-profile-id'].flatMap(
      (one) => [one, ''],
    )
    const others = ['--profile', '(default)', '--region', '', '--include', '']
    const { code, stderr } = await run(['download', ...ids, ...others], at)
    assert.equal(code, 0, stderr)
    assert.deepEqual(tree(projects), wholeTree)
  })

  test('an error does not wait for what else was asked', async (t) => {
    const { farm, at } = await lighthouse(t)
    await farm.setRules({ requests: { operation: 'GetQueue' }, effect: { delay: { milliseconds: 30_000 } } })
    const began = performance.now()
    const { code, stderr } = await run(['download', '--job-id', `job-${'9'.repeat(32)}`], at)
    assert.equal(code, 1)
    assert.match(stderr, /has no job/)
    assert.ok(performance.now() - began < 10_000)
  })

  test('what cannot be written is an error in one line', async (t) => {
    const { at } = await lighthouse(t)
    for (const parameters of [
      ['download', '--output', 'json'],
      ['plan', '--output', 'verbose'],
      ['--help'],
    ]) {
      const { code, stderr } = await runOntoFullDisk(parameters, at)
      const [last, ...others] = stderr.trim().split('\n').reverse()
      assert.match(last, /^error: what it prints cannot be written: .*no space left/i)
      assert.deepEqual(others, [])
      assert.equal(code, 1)
    }
  })

  test('bucket and manifests are read with the role of the queue', async (t) => {
    const { farm, at } = await lighthouse(t)
    await farm.happen({ event: 'settings', bucketNeedsRole: true })
    const { code, stderr } = await run(['download'], at)
    assert.equal(code, 0, stderr)
    assert.ok((await operations(farm)).AssumeQueueRoleForUser > 0)
  })
})

/** How many columns a line takes. */
function plainLength(line) {
  return line.replace(new RegExp('\u001b\\[[0-9;]*[A-Za-z]', 'g'), '').length
}
