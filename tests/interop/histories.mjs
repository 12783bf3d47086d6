// Histories of a queue, step by step, for every tool that is to sync it.

/** Seconds that a step needs before the next, so that S3's times (whole seconds) and the allowance tell them apart. */
export const PAUSE = 1.2

const mtime = 1_760_000_000_123_457
const file = (path, text, root = 0) => ({ root, path, text, mtime: mtime + text.length })

/**
 * A queue's day as seen from a machine that keeps its projects in `projects`. Each step has the events that happen
 * and the files, below `projects`, that are there once they are synced (names to texts).
 */
export function everyday(projects) {
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
  const render = (tasks) => [{ name: 'render', tasks }]
  const windows = 'Lighthouse – dusk'
  const first = { secondsAgo: 200 }

  const steps = [
    {
      claim: 'the first pass fetches what every job has so far, each from its own storage profile',
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
        ...[windows, 'older service', 'submitted here', 'no attachments', 'no storage profile', 'chunked'].map(
          (job) => session(job, 'morning', 250),
        ),
        task(windows, 'morning', 0, [file('beauty/0001.exr', 'early try'), file('waves.bin', 'x', 1)], first),
        task('older service', 'morning', 0, [file('a.txt', 'from a laptop')], { ...first, manifests: false }),
        task('submitted here', 'morning', 0, [file('b.txt', 'its own place')], first),
        task('no attachments', 'morning', 0, [], first),
        task('no storage profile', 'morning', 0, [file('c.txt', 'goes nowhere')], first),
        { event: 'task', job: 'chunked', session: 'morning', chunk: [0, 1], files: [file('01.vdb', 'smoke')], ...first },
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
      events: [],
      files: {},
    },
    {
      claim: 'tasks that succeed between two passes come with the second',
      events: [
        task(windows, 'morning', 1, [file('beauty/0002.exr', 'second frame')]),
        task('older service', 'morning', 1, [file('a2.txt', 'older still')], { manifests: false }),
        { event: 'task', job: 'chunked', session: 'morning', chunk: [2, 3], files: [file('02.vdb', 'more smoke')] },
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
      events: [],
      files: {},
    },
    {
      claim: 'a job that was let go and is requeued brings what is new',
      events: [
        { event: 'requeue', job: 'older service', tasks: [0] },
        session('older service', 'evening'),
        task('older service', 'evening', 0, [file('a.txt', 'once more')]),
      ],
      files: { 'Mac/a.txt': 'once more' },
    },
  ]
  // What a step brings stays.
  let files = {}
  return steps.map((step) => ({ ...step, files: (files = { ...files, ...step.files }) }))
}

/** The tree that a step's files are. */
export { mtime }
