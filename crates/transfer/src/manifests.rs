//! Finds the output manifests of a job and fetches them with what their objects' metadata says.

use std::sync::Arc;

use rusty_attachments_core::keys::{
    self, ListedObject, ManifestLocation, OutputManifestScope, filter_manifests_by_session_actions,
    filter_output_manifest_keys, output_manifest_prefix,
};
use rusty_attachments_core::{Error, ErrorCode, Manifest, Result};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::blocking::blocking;
use crate::client::{Client, has_changed};
use crate::concurrency::Concurrency;
use crate::ended::cancelled;
use crate::listing::list_all;
use crate::pace::{Finished, MEMORY, Pace};
use crate::progress::Progress;

/// A manifest of more than this many bytes is decoded on a thread of its own.
const DECODED_ASIDE: usize = 256 * 1024;
/// The most bytes that a manifest may have: about eight million files.
const LONGEST: u64 = 1024 * 1024 * 1024;
/// What a manifest holds in memory while it is fetched, as JSON and decoded, by its bytes.
const HELD: u64 = 3;
/// What the least of them holds, and one whose size nobody tells is thought to hold.
const LEAST: u64 = 64 * 1024;

/// Which of the manifests in a scope are wanted.
#[derive(Debug, Clone, Default)]
pub struct ManifestSelection {
    /// Only the latest session folder of each task.
    pub select_latest_per_task: bool,
    /// Only those of these session actions; then all of them, not only the latest.
    pub session_action_ids: Option<Vec<String>>,
}

/// What the object of a manifest says beside the manifest itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestDownloadMetadata {
    /// The asset root on the host that made the files.
    pub asset_root: String,
    /// The location that the asset root is in, in the job's storage profile.
    pub file_system_location_name: Option<String>,
    /// The media type.
    pub content_type: Option<String>,
    /// When it was written, in milliseconds since 1970.
    pub last_modified: Option<i64>,
}

/// A manifest as it was found.
#[derive(Debug, Clone)]
pub struct DownloadedManifest {
    /// Its key.
    pub key: String,
    /// What it lists.
    pub manifest: Arc<Manifest>,
    /// What its object says.
    pub metadata: ManifestDownloadMetadata,
}

/// The output manifests in a scope, in the order of their keys. A job without outputs has none.
///
/// # Errors
/// `INVALID_ARGUMENT` for ids that cannot be, and as [`Client::list`].
pub async fn discover_output_manifests(
    client: &Arc<Client>,
    location: &ManifestLocation,
    scope: &OutputManifestScope,
    selection: &ManifestSelection,
) -> Result<Vec<ListedObject>> {
    let mut found = discover_all(client, location, &[(scope, selection)], Concurrency::Auto).await?;
    Ok(found.pop().unwrap_or_default())
}

/// The same for several scopes at once.
pub(crate) async fn discover_all(
    client: &Arc<Client>,
    location: &ManifestLocation,
    scopes: &[(&OutputManifestScope, &ManifestSelection)],
    concurrency: Concurrency,
) -> Result<Vec<Vec<ListedObject>>> {
    let prefixes = scopes.iter().map(|(scope, _)| output_manifest_prefix(location, scope));
    let listed = list_all(client, prefixes.collect::<Result<_>>()?, concurrency).await?;
    let chosen = listed.into_iter().zip(scopes);
    Ok(chosen.map(|(listed, (_, selection))| select(listed, selection, &location.root_prefix)).collect())
}

fn select(listed: Vec<ListedObject>, selection: &ManifestSelection, root_prefix: &str) -> Vec<ListedObject> {
    let latest = selection.select_latest_per_task && selection.session_action_ids.is_none();
    let mut chosen = filter_output_manifest_keys(&listed, latest, Some(root_prefix));
    if let Some(ids) = &selection.session_action_ids {
        let keys: Vec<&str> = chosen.iter().map(|&index| listed[index].key.as_str()).collect();
        chosen = filter_manifests_by_session_actions(&keys, ids).iter().map(|&index| chosen[index]).collect();
    }
    let mut listed: Vec<Option<ListedObject>> = listed.into_iter().map(Some).collect();
    chosen.into_iter().filter_map(|index| listed[index].take()).collect()
}

/// One manifest, with what its object says.
///
/// # Errors
/// `INVALID_MANIFEST` or `UNSUPPORTED_MANIFEST_VERSION` for what is no manifest, `MISSING_ASSET_ROOT` without
/// an asset root, each naming the key; and as [`Client::get`].
pub async fn download_manifest(client: &Client, key: &str) -> Result<DownloadedManifest> {
    fetch(client, key.to_owned(), &budget()).await?.rooted()
}

/// All these manifests, many at once and in any order, each given to `take` with what it was marked with. An error of
/// `take` ends it all.
pub(crate) async fn download_manifests<M: Send + 'static>(
    client: &Arc<Client>,
    objects: Vec<(M, ListedObject)>,
    concurrency: Concurrency,
    cancel: &CancellationToken,
    progress: &Progress,
    mut take: impl FnMut(M, Result<FetchedManifest>) -> Result<()>,
) -> Result<()> {
    let stop = cancel.child_token();
    // The list may not have told how large they are.
    let budget = Arc::new(budget());
    let mut failure = None;
    let work = Pace::new(concurrency, client.width()).run(
        objects,
        |(_, object)| held(object.size),
        || client.throttles(),
        |(mark, object)| {
            let (client, stop, budget) = (client.clone(), stop.clone(), budget.clone());
            async move {
                let fetched = stop.run_until_cancelled(fetch(&client, object.key, &budget)).await;
                let mut fetched = fetched.unwrap_or_else(|| Err(cancelled()));
                if let Ok(manifest) = &mut fetched {
                    manifest.last_modified = manifest.last_modified.or(object.last_modified);
                }
                let bytes = fetched.as_ref().map_or(0, |manifest| manifest.bytes);
                Finished { bytes, value: (mark, fetched) }
            }
        },
        |(mark, fetched)| {
            progress.count_files(1);
            match take(mark, fetched) {
                Ok(()) => true,
                Err(error) => {
                    // One manifest that is missing could be the one that wins: none is downloaded without it.
                    failure.get_or_insert(error);
                    stop.cancel();
                    false
                }
            }
        },
    );
    progress.during(work, |_| String::new()).await?;
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    failure.map_or(Ok(()), Err)
}

/// A manifest with what its object says, which may lack an asset root.
#[derive(Debug)]
pub(crate) struct FetchedManifest {
    pub manifest: Arc<Manifest>,
    /// In milliseconds since 1970.
    pub last_modified: Option<i64>,
    asset_root: Result<String>,
    file_system_location_name: Option<String>,
    content_type: Option<String>,
    key: String,
    bytes: u64,
}

impl FetchedManifest {
    /// The manifest as it is found by those who need the asset root.
    pub(crate) fn rooted(self) -> Result<DownloadedManifest> {
        let Self { manifest, key, file_system_location_name, content_type, last_modified, .. } = self;
        let asset_root = self.asset_root?;
        let metadata =
            ManifestDownloadMetadata { asset_root, file_system_location_name, content_type, last_modified };
        Ok(DownloadedManifest { key, manifest, metadata })
    }
}

/// What a manifest of so many bytes holds in memory while it is fetched.
fn held(size: Option<u64>) -> u64 {
    size.map_or(LEAST, |size| LEAST.max(size.saturating_mul(HELD)))
}

/// Bytes that manifests may hold while they are fetched.
fn budget() -> Semaphore {
    Semaphore::new(MEMORY as usize)
}

/// Once more from the beginning, if what was read is of no use any more.
async fn fetch(client: &Client, key: String, budget: &Semaphore) -> Result<FetchedManifest> {
    match fetch_once(client, key.clone(), budget).await {
        Err(error) if has_changed(&error) => fetch_once(client, key, budget).await,
        fetched => fetched,
    }
}

/// Reads the body only when `budget` has room for what it holds.
async fn fetch_once(client: &Client, key: String, budget: &Semaphore) -> Result<FetchedManifest> {
    let about =
        |error: Error| error.with("bucket", client.settings().bucket.as_str()).with("key", key.as_str());
    let place = || format!("s3://{}/{key}", client.settings().bucket);
    let reader = client.get(&key).await?;
    let mut object_metadata = reader.metadata();
    let asset_root = keys::asset_root_from_metadata(&object_metadata).map_err(about).and_then(|root| {
        root.ok_or_else(|| {
            about(Error::new(
                ErrorCode::MissingAssetRoot,
                format!(
                    "The manifest {} has no asset root in its metadata, so nothing says where its files belong. \
                     Upload it again with asset-root, or leave its session action out.",
                    place()
                ),
            ))
        })
    });
    let (content_type, last_modified) = (reader.content_type(), reader.last_modified());
    let room = u32::try_from(held(reader.length()).min(MEMORY)).unwrap_or(u32::MAX);
    let _room = budget.acquire_many(room).await.map_err(|_| cancelled())?;
    let body = reader.read_to_end(LONGEST).await?;
    let bytes = body.len() as u64;
    let decoded = if body.len() > DECODED_ASIDE {
        blocking(move || Manifest::decode(&body)).await?
    } else {
        Manifest::decode(&body)
    };
    let manifest = decoded.map_err(|mut error| {
        error.message = format!("{} is not a manifest: {}", place(), error.message);
        about(error)
    })?;
    Ok(FetchedManifest {
        manifest: Arc::new(manifest),
        last_modified,
        asset_root,
        file_system_location_name: object_metadata.remove("file-system-location-name"),
        content_type,
        key,
        bytes,
    })
}
