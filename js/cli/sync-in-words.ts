/** A sync as a person follows it. A pass that finds nothing new takes one quiet line. */

import type {
  DownloadPlan,
  SyncEvent,
  SyncFailure,
  SyncJob,
  SyncResult,
  TransferProgress,
  TransferStatistics,
} from '../types.js'
import { ProgressLine } from './progress-line.js'
import { clean, type Terminal } from './terminal.js'
import { sayHazards, sayUnmapped } from './trouble.js'
import { bytes, clock, count, duration } from './words.js'

/** Jobs of which nothing is to be said, whatever happened to them before. */
const silent = ['unchanged', 'inactive']

/** Rows of a plan that are read at once. */
const pageRows = 1000

const unmappedAdvice =
  'no rule maps them; give the storage profile of this machine a location for them, or fetch them with ' +
  "rusty-attachments download --root 'OLD=NEW'"

export class SyncInWords {
  readonly #terminal: Terminal
  readonly #line: ProgressLine
  readonly #isVerbose: boolean
  readonly #isDryRun: boolean
  readonly #queueId: string
  #intervalSeconds: number | undefined
  #began = new Date()
  #jobs: SyncJob[] = []
  #files = new Map<string, number>()
  #failures: SyncFailure[] = []
  /** What was said of jobs that nothing comes from, so that it is said once. */
  readonly #said = new Set<string>()
  #filesInAll = 0
  #waiting = 0

  constructor(
    terminal: Terminal,
    { verbose = false, dryRun = false }: { verbose?: boolean; dryRun?: boolean },
    queueId: string,
  ) {
    this.#terminal = terminal
    this.#line = new ProgressLine(terminal)
    this.#isVerbose = verbose
    this.#isDryRun = dryRun
    this.#queueId = queueId
  }

  looking(): void {
    this.#terminal.status('Asking Deadline Cloud …')
  }

  watching(intervalSeconds: number): void {
    this.#intervalSeconds = intervalSeconds
    this.#terminal.say(
      `Watching ${this.#terminal.paint('bold', this.#queueId)} every ${duration(intervalSeconds)}; Ctrl-C ends it.`,
    )
    this.looking()
  }

  readonly progress = (progress: TransferProgress): void => {
    this.#line.show(progress)
  }

  readonly event = (event: SyncEvent): void => {
    switch (event.type) {
      case 'pass-started':
        if (this.#isVerbose) this.#terminal.say(`${this.#time()}  checkpoint ${clean(event.checkpointPath)}`)
        this.#began = new Date()
        this.#jobs = []
        this.#files = new Map()
        this.#failures = []
        break
      case 'job':
        this.#jobs.push(event.job)
        break
      case 'file':
        this.#filesInAll++
        this.#file(event.jobId, event.localPath)
        break
      case 'failure':
        if (event.jobId === null) this.#passFailed(event)
        else this.#failures.push(event)
        break
      case 'pass-finished':
        this.#passFinished(event.result)
        break
      case 'unmapped':
      case 'checkpoint':
    }
  }

  /** @param isInterrupted whether somebody ended it, who wants to know how far it came */
  end(isInterrupted: boolean): void {
    this.#line.end()
    if (!isInterrupted) return
    if (this.#filesInAll === 0) this.#terminal.note('Stopped. The next sync goes on from there.')
    else
      this.#terminal.note(
        `Stopped. ${count(this.#filesInAll, 'file')} landed; the checkpoint knows of each, and the next sync goes on ` +
          'from there.',
      )
  }

  #passFinished(result: SyncResult): void {
    this.#line.end()
    const { stats, plan, unmappedCount, failureCount } = result
    if (this.#isDryRun && plan) this.#planned(plan)
    const jobs = this.#jobs.filter((job) => this.#isWorthSaying(job))
    const isNews = stats.filesTotal > 0 || unmappedCount > 0 || failureCount > 0 || jobs.length > 0
    if (isNews) {
      for (const job of jobs) this.#job(job)
      if (plan && unmappedCount > 0) sayUnmapped(this.#terminal, plan, unmappedAdvice)
      if (plan) sayHazards(this.#terminal, plan, result.failures)
      this.#sayFailures()
      this.#summary(stats)
    } else this.#nothingNew()
    this.#sayOutstanding(result)
    plan?.free()
    this.#next()
  }

  /** Of a dry run no file is told. */
  #planned(plan: DownloadPlan): void {
    for (let offset = 0; offset < plan.fileCount; offset += pageRows) {
      for (const { jobId = '', localPath } of plan.files(offset, pageRows)) this.#file(jobId, localPath)
    }
  }

  #file(jobId: string, localPath: string): void {
    this.#files.set(jobId, (this.#files.get(jobId) ?? 0) + 1)
    if (this.#isVerbose) this.#terminal.say(`  ${clean(localPath)}`)
  }

  #isWorthSaying({ jobId, category, taskRuns, failedTasks }: SyncJob): boolean {
    if (taskRuns > 0) return true
    if (silent.includes(category) && failedTasks.length === 0) return false
    const saying = JSON.stringify([jobId, category, failedTasks])
    const isNew = !this.#said.has(saying)
    this.#said.add(saying)
    const hasMessage = !['added', 'updated', 'completed'].includes(category)
    return isNew && (hasMessage || failedTasks.length > 0 || this.#isVerbose)
  }

  #job({ jobId, name, message, taskRuns, failedTasks }: SyncJob): void {
    const { paint } = this.#terminal
    const files = count(this.#files.get(jobId) ?? 0, 'file')
    const failed = failedTasks.length > 0 ? [`${count(failedTasks.length, 'task')} failed on the farm`] : []
    const news = taskRuns > 0 ? [`${count(taskRuns, 'task run')}, ${files}`, ...failed] : failed
    const what = news.length > 0 ? news.join('; ') : message
    this.#terminal.say(`${this.#time()}  ${paint('bold', clean(name ?? jobId))}  ${clean(what)}`)
  }

  #sayFailures(): void {
    if (this.#failures.length === 0) return
    this.#terminal.error(
      `${count(this.#failures.length, 'file')} could not be downloaded; later passes try again:`,
    )
    for (const { localPath, sessionActionId, code, message } of this.#failures) {
      const what = localPath ?? `a manifest of ${sessionActionId ?? ''}`
      this.#terminal.note(`  ${clean(what)}  ${this.#terminal.paintNote('dim', code)}`)
      this.#terminal.note(`    ${clean(message)}`)
    }
  }

  /** What failed in earlier passes and was not tried in this one; while watching, where that has changed. */
  #sayOutstanding({ outstandingTaskRuns }: SyncResult): void {
    const tried = new Set(this.#failures.map(({ sessionActionId }) => sessionActionId))
    const waiting = Math.max(outstandingTaskRuns - tried.size, 0)
    if (waiting > 0 && waiting !== this.#waiting) {
      this.#terminal.warn(`${count(waiting, 'task run')} failed to download before; later passes try again`)
    }
    this.#waiting = waiting
  }

  #summary(stats: TransferStatistics): void {
    const {
      filesTotal,
      filesTransferred,
      filesSkipped,
      bytesTotal,
      bytesSkipped,
      bytesTransferred,
      elapsedSeconds,
    } = stats
    if (filesTotal === 0) return
    const here = count(filesSkipped, 'file')
    const fetched = `${count(filesTransferred, 'file')}, ${bytes(bytesTransferred)}, in ${duration(elapsedSeconds)}`
    const [what, how] = this.#isDryRun
      ? [
          'Would download',
          `${count(filesTotal - filesSkipped, 'file')} of ${filesTotal}, ${bytes(bytesTotal - bytesSkipped)}`,
        ]
      : filesSkipped === filesTotal
        ? ['Nothing to fetch:', `${here} here already`]
        : ['Downloaded', fetched + (filesSkipped > 0 ? `; ${here} here already` : '')]
    this.#terminal.say(`${this.#time()}  ${this.#terminal.paint('green', what)} ${how}`)
  }

  #nothingNew(): void {
    const { canRedraw, paint } = this.#terminal
    // While watching, the line that changes in place says as much.
    if (this.#intervalSeconds !== undefined && canRedraw && !this.#isVerbose) return
    this.#terminal.say(`${this.#time()}  ${paint('dim', `${this.#queueId}: nothing new`)}`)
  }

  /** A pass that failed as a whole, and is tried again. */
  #passFailed({ message, retryInSeconds }: SyncFailure): void {
    this.#terminal.warn(`${clean(message)}; next try in ${duration(retryInSeconds ?? 0)}`)
  }

  #next(): void {
    if (this.#intervalSeconds === undefined) return
    const next = new Date(Math.max(this.#began.getTime() + this.#intervalSeconds * 1000, Date.now()))
    const soFar = this.#filesInAll > 0 ? `${count(this.#filesInAll, 'file')} so far` : 'nothing yet'
    const line = `${this.#time()}  ${soFar}; next look at ${clock(next)}`
    const { columns, paintNote } = this.#terminal
    // A line that is wrapped could not be taken away.
    this.#terminal.status(paintNote('dim', line.slice(0, columns)))
  }

  #time(): string {
    return clock(new Date())
  }
}
