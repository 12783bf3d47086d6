/** What has become of a job, for people. */

import type { StorageProfile, SyncJob, SyncJobCategory } from '../types.js'

const words: Record<SyncJobCategory, string> = {
  added: 'it is new, or was requeued',
  updated: 'more of its tasks have succeeded, or it ended or was requeued',
  completed: 'all of its tasks have succeeded',
  unchanged: 'it is as it was',
  inactive: 'nothing more can come from it, unless it is requeued',
  attachmentsFree: 'it has no job attachments, so there is nothing to download',
  missingStorageProfile:
    'it was submitted without a storage profile, so it cannot be told where its files belong on this machine',
  deleted: 'it has been deleted',
}

/** Says it, given the storage profiles that the pass needs. */
export function inWords(
  { category, storageProfileId }: Omit<SyncJob, 'message'>,
  profiles: StorageProfile[],
  localStorageProfileId: string | undefined,
): string {
  const profile = (id: string | null | undefined) =>
    profiles.find((candidate) => candidate.storageProfileId === id)
  const [theirs, ours] = [profile(storageProfileId), profile(localStorageProfileId)]
  if (!theirs || !ours || theirs === ours || sharesNames(theirs, ours)) return words[category]
  return (
    `its storage profile, ${theirs.displayName ?? ''}, and this machine's, ${ours.displayName ?? ''}, have no ` +
    'file system location of the same name, so none of its files has a place here'
  )
}

function sharesNames(one: StorageProfile, other: StorageProfile): boolean {
  const names = new Set(one.fileSystemLocations?.map(({ name }) => name))
  return other.fileSystemLocations?.some(({ name }) => names.has(name)) ?? false
}
