/** How a command ends badly: in words that a person can act on, and with which status. */

import { AttachmentsError } from '../errors.js'
import type { ErrorCode } from '../types.js'
import { Configuration } from './configuration.js'

/** The statuses that the program ends with. */
export const status = {
  done: 0,
  failed: 1,
  usage: 2,
  interrupted: 130,
  /** Nobody reads the output any more: what a shell gives for SIGPIPE. */
  unread: 141,
  terminated: 143,
} as const

/** Something that a person can set right. */
export class CommandError extends Error {
  readonly status: number = status.failed
}

/** What was typed cannot be meant. */
export class UsageError extends CommandError {
  override readonly status = status.usage
}

/** What the SDK says where nobody has any. */
const nowhere = 'Could not load credentials from any providers'

/** What of the command line an explanation may name. */
export type Typed = { profile?: string; storageProfileId?: string }

/**
 * One line for whatever was thrown, in the words of the command line rather than of the API.
 *
 * @param typed the options that it may be about
 */
export function explain(thrown: unknown, typed: Typed = {}): string {
  if (!(thrown instanceof Error)) return String(thrown)
  return (
    (thrown instanceof AttachmentsError ? inOptions(thrown, typed) : undefined) ??
    thrown.message.trim().replace(/\s*\n\s*/g, '; ')
  )
}

/** Everything about it, for whoever looks for the cause. */
export function inDetail(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const { stack = thrown.message, cause } = thrown
  const details = thrown instanceof AttachmentsError ? `\ndetails: ${JSON.stringify(thrown.details)}` : ''
  return stack + details + (cause === undefined ? '' : `\ncaused by ${inDetail(cause)}`)
}

/** The code of one of the package's errors. */
export function codeOf(thrown: unknown): ErrorCode | null {
  return thrown instanceof AttachmentsError ? thrown.code : null
}

/** Whether it was thrown because a signal has aborted, be it by way of something that failed for that. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown.name === 'AbortError' || isAbort(thrown.cause))
}

function inOptions(
  { code, message, details }: AttachmentsError,
  { profile, storageProfileId: typedId }: Typed,
): string | undefined {
  const { operation, farmId, queueId, jobId, stepId, taskId, sessionActionId, storageProfileId } =
    details as Record<string, string>
  if (/Region is missing/.test(message)) {
    return 'no region is set; give --region, or set AWS_REGION or the region of your AWS profile'
  }
  if (code === 'CREDENTIALS' && /no credentials/.test(message)) {
    const named = Configuration.read().profile(profile)
    const of = named === undefined ? '' : ` for the profile ${named}`
    const [install] = /`npm install \S+`/.exec(message) ?? []
    if (install !== undefined) {
      return `no AWS credentials are in the environment; run ${install} to use profiles, SSO and roles here`
    }
    const said = message.replace(/^.*?no credentials for Deadline Cloud: /, '').replace(/; pass `cred.*$/, '')
    if (!said.startsWith(nowhere)) return `no AWS credentials were found${of}: ${said}`
    return `no AWS credentials were found${of}; sign in, or name a profile that has some with --profile`
  }
  if (code !== 'NOT_FOUND') return undefined
  if (operation === undefined) return message.replace('farmId and queueId', '--farm-id and --queue-id')
  const nothing: Record<string, string> = {
    GetJob: `queue ${queueId} has no job ${jobId}; check --job-id, --queue-id and --farm-id`,
    GetStep: `${jobId} has no step ${stepId}; check --step-id`,
    GetSessionAction: `${jobId} has no session action ${sessionActionId}; check --session-action-id`,
    GetTask: `step ${stepId} of ${jobId} has no task ${taskId}; check --task-id and --step-id`,
    GetStorageProfileForQueue:
      `queue ${queueId} does not know the storage profile ${storageProfileId}` +
      (storageProfileId === typedId
        ? '; check --storage-profile-id and --queue-id'
        : ', which settings.storage_profile_id of the deadline CLI names; name one that it knows with ' +
          '--storage-profile-id or `deadline config set settings.storage_profile_id`, or the queue with --queue-id'),
  }
  return (
    nothing[operation] ?? `farm ${farmId} has no queue ${queueId}; check --farm-id, --queue-id and --region`
  )
}
