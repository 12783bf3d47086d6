/** What can be typed: the commands, their options and their help. */

import { readFileSync } from 'node:fs'

import { type AddHelpTextContext, Command, CommanderError, InvalidArgumentError, Option } from 'commander'

import type { DownloadOptions } from './download.js'
import { codeOf, CommandError, explain, inDetail, isAbort, status, type Typed } from './failure.js'
import type { InspectOptions } from './inspect.js'
import type { Interruption } from './interruption.js'
import type { PlanOptions } from './plan.js'
import { conflictResolutions, type Format, formatOf } from './settings.js'
import type { SyncOptions } from './sync.js'
import { clean, Terminal } from './terminal.js'

/** Longer lines are hard to read. */
const widestText = 100

/** Runs the program, and gives the status that it ends with. */
export async function run(parameters: string[], interruption: Interruption): Promise<number> {
  const terminal = new Terminal()
  const state: State = { terminal, interruption, command: undefined, status: status.done }
  try {
    await commands(state).parseAsync(parameters, { from: 'user' })
    return state.status
  } catch (thrown) {
    // Commander has said already what it does not understand.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? status.done : status.usage
    return failed(thrown, state)
  }
}

/** A run of the program. */
type State = {
  terminal: Terminal
  interruption: Interruption
  /** The command that was begun. */
  command: Command | undefined
  /** What it ended with. */
  status: number
}

function failed(thrown: unknown, { terminal, interruption, command }: State): number {
  terminal.status('')
  if (isAbort(thrown) && interruption.status !== undefined) return interruption.status
  const code = codeOf(thrown)
  const { debug, ...typed } = command?.opts<{ debug?: boolean } & Typed>() ?? {}
  const message = explain(thrown, typed)
  const line = command && inJson(command, code, message)
  if (line) terminal.say(JSON.stringify(line))
  terminal.error(clean(message))
  if (debug) terminal.note(inDetail(thrown))
  return thrown instanceof CommandError ? thrown.status : status.failed
}

/** The error for a program that reads what the command prints. */
function inJson(command: Command, code: string | null, message: string): object | undefined {
  const { json, output } = command.opts<{ json?: boolean; output?: Format }>()
  const hasFormat = command.options.some((option) => option.attributeName() === 'output')
  if (!json && !(hasFormat && formatOf(output) === 'json')) return undefined
  // As `deadline job download-output` has it.
  if (command.name() === 'download') return { messageType: 'error', value: message, code }
  return { type: 'error', code, message }
}

function commands(state: State): Command {
  const program = new Command('rusty-attachments')
    .description(
      'Downloads what AWS Deadline Cloud jobs have rendered: each file once, whole, where it belongs.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', "print a command's help")
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false, minWidthToWrap: 20 })
    .showHelpAfterError('(--help lists what can be typed, with examples.)')
    .exitOverride()
    .hook('preAction', (_, command) => {
      state.command = command
      // What is empty, as a variable of a script that is not set, is as if it were not given.
      for (const [name, value] of Object.entries(command.opts())) {
        if (String(value) === '') command.setOptionValue(name, undefined)
      }
    })
    .addHelpText(
      'after',
      below(`
What is not given comes from the configuration of the deadline CLI (\`deadline config show\`): profile, farm,
queue, job, storage profile, region, proxy and CA bundle, and for a download conflict resolution. Credentials
are found as AWS tools find them; the bucket is read with the queue's role.

It ends with 0 where all is done, 1 where it or some files failed, 2 where what was typed cannot be meant, and
130 where Ctrl-C has stopped it.

Examples:
  $ rusty-attachments download                       the job that was submitted last
  $ rusty-attachments download --job-id job-… --to ~/renders
  $ rusty-attachments sync --watch                   everything, as it is rendered
  $ rusty-attachments <command> --help               more of them`),
    )
  const add = (command: Command) => program.addCommand(command.copyInheritedSettings(program))
  add(downloadCommand(state))
  add(syncCommand(state))
  add(planCommand(state))
  add(inspectCommand(state))
  return program
}

function downloadCommand(state: State): Command {
  return outputOptions(queueOptions(new Command('download')))
    .description("Download a job's outputs, or those of several jobs, of a step, a task or a session action.")
    .addOption(conflictOption('as configured, else ask on a terminal, else create_copy'))
    .option('--yes', 'take the suggested answer to every question')
    .addOption(formatOption())
    .option('--debug', 'print the stack trace of an error')
    .addHelpText(
      'after',
      below(`
The job's paths are mapped from its storage profile to this machine's. On a terminal you are asked where the
files of a root belong that has no place here, and what to do with files that are there already and differ.
Files that are there already and do not differ are not fetched again.

Examples:
  $ rusty-attachments download --job-id job-…
  $ rusty-attachments download --job-id job-… --step-id step-… --task-id task-…
  $ rusty-attachments download --job-id job-… --include '*.exr' --to ./frames
  $ rusty-attachments download --job-id job-… --root 'Z:\\Projects=/mnt/projects'
  $ rusty-attachments download --job-id job-… --conflict-resolution overwrite
  $ rusty-attachments download --job-id job-1… --job-id job-2… --yes --output json`),
    )
    .action(async (options: DownloadOptions) => {
      const { download } = await import('./download.js')
      state.status = await download(options, state.terminal, state.interruption)
    })
}

function syncCommand(state: State): Command {
  return queueOptions(new Command('sync'))
    .description("Download whatever a queue's jobs have written since the last sync.")
    .option('--storage-profile-id <id>', 'the storage profile of this machine', id)
    .option('--json', 'print one JSON object a line for each thing that happens')
    .option('--bootstrap-lookback-minutes <n>', 'the first time, how far to look back (default: 0)', amount)
    .option(
      '--checkpoint-dir <dir>',
      'where to remember how far it came (default: ~/.deadline/incremental_download)',
      folder,
    )
    .option('--force-bootstrap', 'begin anew, whatever the checkpoint says')
    .option('--ignore-storage-profiles', 'write files to the paths that their jobs have for them')
    .addOption(conflictOption('overwrite, whatever is configured'))
    .option('--dry-run', 'say what would be downloaded, and write nothing')
    .option('--verbose', 'name every file, and report passes without news too')
    .option('--watch [seconds]', 'go on, from the start of one pass to the next (default: 60)', interval)
    .option('--debug', 'print the stack trace of an error')
    .addHelpText(
      'after',
      below(`
It continues where \`deadline queue sync-output\` stopped, and the other way round: both keep the same
checkpoint. A pass that finds nothing new prints a single line.

Examples:
  $ rusty-attachments sync --bootstrap-lookback-minutes 1440
  $ rusty-attachments sync --watch 30
  $ rusty-attachments sync --dry-run --verbose
  $ rusty-attachments sync --json >> sync.log        from a scheduler`),
    )
    .action(async (options: SyncOptions) => {
      const { sync } = await import('./sync.js')
      state.status = await sync(options, state.terminal, state.interruption)
    })
}

function planCommand(state: State): Command {
  return outputOptions(queueOptions(new Command('plan')))
    .description('Show what a download would do, from S3 or from manifests on disk. Nothing is written.')
    .argument('[manifests...]', 'manifest files, or s3://BUCKET/KEY, in place of a job')
    .option('--asset-root <path>', 'where the files of manifests on disk were')
    .option('--job-profile <file>', 'the storage profile that the manifests were made with, as JSON')
    .option('--local-profile <file>', 'the storage profile to map them to, as JSON')
    .addOption(formatOption())
    .option('--debug', 'print the stack trace of an error')
    .addHelpText(
      'after',
      below(`
A storage profile's file is what \`aws deadline get-storage-profile-for-queue\` answers. Manifests are merged in
the order of their times: what a later one has wins.

Examples:
  $ rusty-attachments plan --job-id job-…
  $ rusty-attachments plan manifest.json --asset-root 'Z:\\Show' \\
      --job-profile windows.json --local-profile mac.json
  $ rusty-attachments plan manifest.json --asset-root /mnt/show --to ./here --output json`),
    )
    .action(async (manifests: string[], options: PlanOptions) => {
      const { plan } = await import('./plan.js')
      state.status = await plan(manifests, options, state.terminal, state.interruption)
    })
}

function inspectCommand(state: State): Command {
  return new Command('inspect')
    .description('Show what a manifest holds.')
    .argument('<manifest>', 'a file, or s3://BUCKET/KEY')
    .option('--profile <name>', 'the AWS profile to use')
    .option('--region <region>', "the AWS region of the farm, or of the bucket where it is no queue's")
    .addOption(formatOption())
    .option('--debug', 'print the stack trace of an error')
    .addHelpText(
      'after',
      below(`
Examples:
  $ rusty-attachments inspect ./0123abcd_output
  $ rusty-attachments inspect s3://BUCKET/DeadlineCloud/Manifests/farm-…/queue-…/job-…/…_output
  $ rusty-attachments inspect manifest.json --output json | jq '.files[].path'`),
    )
    .action(async (manifest: string, options: InspectOptions) => {
      const { inspect } = await import('./inspect.js')
      state.status = await inspect(manifest, options, state.terminal, state.interruption)
    })
}

/** What stands below the options: paragraphs, as wide as the terminal allows, and at last the examples as they are. */
function below(text: string): (context: AddHelpTextContext) => string {
  const paragraphs = text.split('\n\n')
  const examples = paragraphs.pop()!
  return ({ command }) => {
    const width = Math.min(command.configureOutput().getOutHelpWidth?.() ?? 80, widestText)
    const wrap = (text: string) => command.createHelp().boxWrap(text.trim().replaceAll('\n', ' '), width)
    return [...paragraphs.map((text) => `\n${wrap(text)}`), `\n${examples.trimStart()}`].join('\n')
  }
}

function queueOptions(command: Command): Command {
  return command
    .option('--profile <name>', 'the AWS profile to use')
    .option('--farm-id <id>', 'the farm', id)
    .option('--queue-id <id>', 'the queue', id)
    .option('--region <region>', 'the AWS region of the farm')
}

function outputOptions(command: Command): Command {
  return command
    .option('--job-id <id>', 'the job; may be given several times', ids)
    .option('--step-id <id>', 'only what this step wrote', id)
    .option('--task-id <id>', 'only what the latest session action of this task wrote; needs --step-id', id)
    .option('--session-action-id <id>', 'only what this session action wrote; repeatable', ids)
    .option('-i, --include <pattern>', 'only files that match, as *.exr or renders/; repeatable', collect)
    .addOption(
      new Option('--match-paths-by <side>', 'whose paths --include is matched with: job or local')
        .argParser(choice('job', 'local'))
        .default('local', 'local'),
    )
    .option('--storage-profile-id <id>', 'the storage profile of this machine', id)
    .option('--ignore-storage-profiles', 'write files to the paths that the job has for them')
    .option('--root <OLD=NEW>', 'put the files of the asset root OLD below NEW; repeatable', collect)
    .option(
      '--to <dir>',
      'put everything below DIR; of several asset roots each into a folder of its own',
      folder,
    )
}

function conflictOption(otherwise: string): Option {
  return new Option(
    '--conflict-resolution <how>',
    `where another file is already: ${conflictResolutions.join(', ')} (default: ${otherwise})`,
  ).argParser(choice(...conflictResolutions))
}

function formatOption(): Option {
  return new Option(
    '--output <form>',
    'verbose, or json: an object a line (default: verbose on a terminal, else json)',
  ).argParser(choice('verbose', 'json'))
}

/** One of some words, in any case. */
function choice(...words: string[]): (value: string) => string {
  return (value) => {
    const word = value.toLowerCase()
    if (words.includes(word)) return word
    throw new InvalidArgumentError(`It is one of ${words.join(', ')}.`)
  }
}

function id(value: string): string {
  if (/^[\w-]*$/.test(value)) return value
  throw new InvalidArgumentError("An id has letters, digits, '-' and '_'.")
}

function ids(value: string, before?: string[]): string[] {
  return collect(id(value), before)
}

function collect(value: string, before: string[] = []): string[] {
  return value === '' ? before : [...before, value]
}

function folder(value: string): string {
  if (value !== '') return value
  throw new InvalidArgumentError('It is a folder.')
}

function amount(value: string): number {
  const number = Number(value)
  if (value.trim() !== '' && Number.isFinite(number) && number >= 0) return number
  throw new InvalidArgumentError('It is a number from 0 on.')
}

function interval(value: string): number {
  const seconds = amount(value)
  if (seconds >= 0.01 && seconds <= 1_000_000) return seconds
  throw new InvalidArgumentError('It is a number of seconds from 0.01 to 1,000,000.')
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
