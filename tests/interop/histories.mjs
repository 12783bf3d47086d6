// Histories of a queue, step by step, for every tool that is to sync it.

const mtime = 1_760_000_000_123_457
const file = (path, text, root = 0) => ({ root, path, text, mtime: mtime + text.length })

const profile = (name, osFamily, path) => ({
  event: 'storageProfile',
  name,
  osFamily,
  locations: [{ name: 'Projects', path, type: 'SHARED' }],
})
const root = (path, format, location) => ({ path, format, location })
const inProjects = (path, format) => root(path, format, 'Projects')
const session = (job, name, secondsAgo) => ({ event: 'session', job, name, secondsAgo })
const task = (job, session, number, files, more) => ({
  event: 'task',
  job,
  session,
  task: number,
  files,
  ...more,
})

/**
 * A queue's day as seen from a machine that keeps its projects in `projects`. Each step has the events that happen
 * and the files, below `projects`, that are there once they are synced (names to texts), and which entries of which
 * kind the checkpoint then has: a whole job; one without attachments or storage profile, noted so that GetJob is asked
 * once; a stub of a job that is over.
 *
 * Nothing depends on how long a pass takes, as long as a history takes less than the two minutes that views may be late
 * by. Where a step says `timePasses`, `letTimePass` comes before its events: what had ended lies before the window.
 */
export function everyday(projects) {
  const render = (tasks) => [{ name: 'render', tasks }]
  const windows = 'Lighthouse – dusk'
  const first = { secondsAgo: 200 }

  const steps = [
    {
      claim: 'the first pass fetches what every job has so far, each from its own storage profile',
      entries: {
        [windows]: 'job',
        'older service': 'job',
        'submitted here': 'job',
        chunked: 'job',
        'no attachments': 'attachments-free',
        'no storage profile': 'no-profile',
      },
      events: [
        { event: 'settings', bucketNeedsRole: true },
        profile('here', 'LINUX', projects),
        profile('artist', 'WINDOWS', 'Z:\\Projects'),
        profile('laptop', 'MACOS', '/Volumes/Projects'),
        {
          event: 'job',
          name: windows,
          storageProfile: 'artist',
          roots: [inProjects('Z:\\Projects\\Lighthouse', 'windows'), root('D:\\Cache', 'windows')],
          steps: render(2),
          secondsAgo: 300,
        },
        {
          event: 'job',
          name: 'older service',
          storageProfile: 'laptop',
          roots: [inProjects('/Volumes/Projects/Mac', 'posix')],
          steps: render(2),
          secondsAgo: 299,
        },
        {
          event: 'job',
          name: 'submitted here',
          storageProfile: 'here',
          roots: [inProjects(`${projects}/Here`, 'posix')],
          secondsAgo: 298,
        },
        { event: 'job', name: 'no attachments', steps: render(2), secondsAgo: 297 },
        {
          event: 'job',
          name: 'no storage profile',
          roots: [root('/home/mira/shot', 'posix')],
          steps: render(2),
          secondsAgo: 296,
        },
        {
          event: 'job',
          name: 'chunked',
          storageProfile: 'artist',
          roots: [inProjects('Z:\\Projects\\Sim', 'windows')],
          steps: [{ name: 'sim', tasks: 4 }],
          secondsAgo: 295,
        },
        ...[
          windows,
          'older service',
          'submitted here',
          'no attachments',
          'no storage profile',
          'chunked',
        ].map((job) => session(job, 'morning', 250)),
        task(windows, 'morning', 0, [file('beauty/0001.exr', 'early try'), file('waves.bin', 'x', 1)], first),
        task('older service', 'morning', 0, [file('a.txt', 'from a laptop')], { ...first, manifests: false }),
        task('submitted here', 'morning', 0, [file('b.txt', 'its own place')], first),
        task('no attachments', 'morning', 0, [], first),
        task('no storage profile', 'morning', 0, [file('c.txt', 'goes nowhere')], first),
        {
          event: 'task',
          job: 'chunked',
          session: 'morning',
          chunk: [0, 1],
          files: [file('01.vdb', 'smoke')],
          ...first,
        },
      ],
      files: {
        'Lighthouse/beauty/0001.exr': 'early try',
        'Mac/a.txt': 'from a laptop',
        'Here/b.txt': 'its own place',
        'Sim/01.vdb': 'smoke',
      },
    },
    {
      claim: 'nothing new is nothing to do',
      entries: {
        [windows]: 'job',
        'older service': 'job',
        chunked: 'job',
        'no attachments': 'attachments-free',
        'no storage profile': 'no-profile',
      },
      events: [],
      files: {},
    },
    {
      claim: 'tasks that succeed between two passes come with the second',
      entries: {
        [windows]: 'job',
        'older service': 'job',
        chunked: 'job',
        'no attachments': 'attachments-free',
        'no storage profile': 'no-profile',
      },
      events: [
        task(windows, 'morning', 1, [file('beauty/0002.exr', 'second frame')]),
        task('older service', 'morning', 1, [file('a2.txt', 'older still')], { manifests: false }),
        {
          event: 'task',
          job: 'chunked',
          session: 'morning',
          chunk: [2, 3],
          files: [file('02.vdb', 'more smoke')],
        },
        task('no attachments', 'morning', 1, []),
      ],
      files: {
        'Lighthouse/beauty/0002.exr': 'second frame',
        'Mac/a2.txt': 'older still',
        'Sim/02.vdb': 'more smoke',
      },
    },
    {
      claim: 'a requeued task runs in a new session and its file replaces the old one',
      entries: {
        [windows]: 'job',
        'older service': 'job',
        chunked: 'job',
        'no attachments': 'attachments-free',
        'no storage profile': 'no-profile',
      },
      events: [
        { event: 'sessionEnded', job: windows, name: 'morning' },
        { event: 'requeue', job: windows, tasks: [0] },
        session(windows, 'noon'),
        task(windows, 'noon', 0, [file('beauty/0001.exr', 'the final frame')]),
      ],
      files: { 'Lighthouse/beauty/0001.exr': 'the final frame' },
    },
    {
      claim: 'a task that fails and a session that ends bring no file',
      entries: {
        [windows]: 'job',
        'older service': 'job',
        chunked: 'job',
        'no attachments': 'attachments-free',
        'no storage profile': 'no-profile',
      },
      events: [
        { event: 'sessionEnded', job: windows, name: 'noon' },
        { event: 'sessionEnded', job: 'older service', name: 'morning' },
        { event: 'sessionEnded', job: 'chunked', name: 'morning' },
        { event: 'requeue', job: 'chunked', tasks: [3] },
        session('chunked', 'noon'),
        { event: 'task', job: 'chunked', session: 'noon', chunk: [3], status: 'FAILED' },
      ],
      files: {},
    },
    {
      claim: 'jobs that ended before the window are let go',
      timePasses: true,
      entries: { [windows]: 'stub', chunked: 'stub', 'no storage profile': 'no-profile' },
      events: [],
      files: {},
    },
    {
      claim: 'a job that was let go and is requeued brings what is new',
      timePasses: true,
      entries: {
        [windows]: 'stub',
        'older service': 'job',
        chunked: 'stub',
        'no storage profile': 'no-profile',
      },
      events: [
        { event: 'requeue', job: 'older service', tasks: [0] },
        session('older service', 'evening'),
        task('older service', 'evening', 0, [file('a.txt', 'once more')]),
      ],
      files: { 'Mac/a.txt': 'once more' },
    },
    {
      claim: 'so does one of which a stub was kept',
      timePasses: true,
      entries: {
        [windows]: 'job',
        'older service': 'stub',
        chunked: 'stub',
        'no storage profile': 'no-profile',
      },
      events: [
        { event: 'requeue', job: windows, tasks: [1] },
        session(windows, 'evening'),
        task(windows, 'evening', 1, [file('beauty/0002.exr', 'second frame, again')]),
      ],
      files: { 'Lighthouse/beauty/0002.exr': 'second frame, again' },
    },
  ]
  return piled(steps)
}

/**
 * A job with two files, one of whose objects is lost and then found again. `lost` says of each step whether the pass
 * over it fails.
 */
export function lostAndFound(projects) {
  const damage = (how) => ({ event: 'damage', job: 'unlucky', path: 'lost.txt', how })
  return piled([
    {
      claim: 'a file that is not to be had fails, and the other one comes',
      lost: true,
      events: [
        profile('here', 'LINUX', projects),
        profile('artist', 'WINDOWS', 'Z:\\Projects'),
        {
          event: 'job',
          name: 'unlucky',
          storageProfile: 'artist',
          roots: [inProjects('Z:\\Projects\\Unlucky', 'windows')],
          steps: [{ name: 'render', tasks: 3 }],
          secondsAgo: 300,
        },
        session('unlucky', 'morning', 250),
        task('unlucky', 'morning', 0, [file('kept.txt', 'here')], { secondsAgo: 200 }),
        task('unlucky', 'morning', 1, [file('lost.txt', 'where?')], { secondsAgo: 199 }),
        damage('missing'),
      ],
      files: { 'Unlucky/kept.txt': 'here' },
    },
    { claim: 'it fails again as long as it is lost', lost: true, events: [], files: {} },
    { claim: 'once it is found it comes', events: [damage('none')], files: { 'Unlucky/lost.txt': 'where?' } },
    {
      claim: 'and the job goes on as others do',
      events: [task('unlucky', 'morning', 2, [file('more.txt', 'at last')])],
      files: { 'Unlucky/more.txt': 'at last' },
    },
  ])
}

/** What a step brings stays. */
function piled(steps) {
  let files = {}
  return steps.map((step) => ({ ...step, files: (files = { ...files, ...step.files }) }))
}
