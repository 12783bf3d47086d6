/** What stands in for downloads where there is no native addon. */

import { AttachmentsError } from './errors.js'
import type { Downloads } from './face.js'

/** Downloads that reject with NATIVE_UNAVAILABLE, saying `why` the addon is missing. */
export function unavailable(why: string, cause?: unknown): Downloads {
  const refuse = () =>
    Promise.reject(
      new AttachmentsError(
        'NATIVE_UNAVAILABLE',
        `downloads need the native addon of rusty-attachments: ${why}`,
        {},
        cause === undefined ? undefined : { cause },
      ),
    )
  return {
    DownloadOrchestrator: class DownloadOrchestrator {
      discoverOutputManifestKeys = refuse
      downloadManifest = refuse
      downloadToResolvedPaths = refuse
      download = refuse
    },
    downloadJobOutputs: refuse,
    downloadMultipleJobs: refuse,
    queueS3Settings: refuse,
    syncOutputs: refuse,
    watchOutputs: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
  }
}
