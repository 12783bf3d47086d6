/** Where a queue keeps its job attachments, and the queue's role, which may read them. */

import { AttachmentsError } from '../errors.js'
import type { s3Settings } from '../orchestrate.js'
import type { Credentials } from '../types.js'
import type { DeadlineService } from './service.js'

/** A queue's bucket, checked. */
type Bucket = ReturnType<typeof s3Settings>

/** The answer to GetQueue, as far as it is used. */
type Queue = {
  jobAttachmentSettings?: { s3BucketName: string; rootPrefix: string }
  roleArn?: string
}

/** The bucket of a queue, with credentials that renew themselves; what `given` says wins. */
export async function queueBucket(
  service: DeadlineService,
  { farmId, queueId }: { farmId: string; queueId: string },
  given: Partial<Bucket>,
  signal: AbortSignal,
): Promise<Bucket> {
  const ask = async (operation: string) =>
    JSON.parse(await service.ask(operation, { farmId, queueId }, signal)) as unknown
  const queue = (await ask('GetQueue')) as Queue
  const bucket = given.bucket ?? queue.jobAttachmentSettings?.s3BucketName
  if (bucket === undefined) {
    throw new AttachmentsError(
      'NOT_FOUND',
      `queue ${queueId} has no bucket for job attachments; set one in its settings`,
      { farmId, queueId },
    )
  }
  const assumeRole = async () => {
    const answer = (await ask('AssumeQueueRoleForUser')) as { credentials: Credentials }
    return answer.credentials
  }
  // The role is of the account that owns the queue, which is who owns the bucket.
  const expectedBucketOwner = /^arn:[^:]*:iam::([0-9]{12}):/.exec(queue.roleArn ?? '')?.[1]
  return {
    rootPrefix: queue.jobAttachmentSettings?.rootPrefix ?? '',
    region: await service.region(),
    ...(expectedBucketOwner !== undefined && { expectedBucketOwner }),
    credentials: assumeRole,
    ...given,
    bucket,
  }
}
