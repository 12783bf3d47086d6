//! The checkpoint file, in the reference's format: each continues from what the other wrote.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::Timestamp;
use crate::error::{Error, ErrorCode, Result};

/// How far SearchJobs may lag behind, in seconds, where the checkpoint does not say. The reference's value.
const EVENTUAL_CONSISTENCY_MAX_SECONDS: u32 = 120;

/// How far a queue's outputs have been downloaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The storage profile of this host; none where profiles are ignored.
    #[serde(deserialize_with = "Option::deserialize")]
    pub local_storage_profile_id: Option<String>,
    /// When the sync began: nothing that ended earlier is asked for.
    pub downloads_started_timestamp: Timestamp,
    /// Up to when all outputs are known to be downloaded.
    pub downloads_completed_timestamp: Timestamp,
    /// How far SearchJobs may lag behind, in seconds; a 0 is read as the default, as the reference reads it.
    #[serde(deserialize_with = "allowance")]
    pub eventual_consistency_max_seconds: u32,
    /// The jobs that are followed.
    pub jobs: Vec<CheckpointJob>,
    /// What other versions may have written.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A job in a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointJob {
    /// SearchJobs' summary with `attachments` and `storageProfileId`, or less: see [`CheckpointJob::is_stub`].
    pub job: Map<String, Value>,
    /// The latest end of a session whose outputs are downloaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_ended_timestamp: Option<Timestamp>,
    /// By session, the index of the last session action up to which all outputs are downloaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub session_completed_indexes: BTreeMap<String, u64>,
    /// What other versions may have written.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Checkpoint {
    /// A checkpoint that knows nothing yet.
    pub fn bootstrap(local_storage_profile_id: Option<String>, from: Timestamp) -> Self {
        Self {
            local_storage_profile_id,
            downloads_started_timestamp: from,
            downloads_completed_timestamp: from,
            eventual_consistency_max_seconds: EVENTUAL_CONSISTENCY_MAX_SECONDS,
            jobs: Vec::new(),
            other: Map::new(),
        }
    }

    /// Reads a checkpoint, which must have been made for the same storage profile.
    ///
    /// # Errors
    /// `CHECKPOINT` where the text is cut short or not a checkpoint, or another storage profile's.
    pub fn read(text: &str, local_storage_profile_id: Option<&str>) -> Result<Self> {
        let checkpoint: Self = serde_json::from_str(text).map_err(|cause| {
            let advice = "Restore it, or move it away and sync with a look-back to begin anew.";
            Error::new(ErrorCode::Checkpoint, format!("The checkpoint cannot be read: {cause}. {advice}"))
                .caused_by(cause)
        })?;
        if let Some(job) = checkpoint.jobs.iter().find(|job| job.job_id().is_empty()) {
            let entry = Value::Object(job.job.clone());
            return Err(Error::new(
                ErrorCode::Checkpoint,
                format!("The checkpoint cannot be read: a job of it has no jobId: {entry}."),
            ));
        }
        let made_for = checkpoint.local_storage_profile_id.as_deref();
        if made_for != local_storage_profile_id {
            let message = match (made_for, local_storage_profile_id) {
                (None, _) => {
                    "The checkpoint was made with storage profiles ignored; ignore them again, or use \
                              another checkpoint directory."
                        .to_owned()
                }
                (Some(made_for), None) => format!(
                    "The checkpoint was made for storage profile {made_for} and profiles are now ignored; give \
                     the profile, or use another checkpoint directory."
                ),
                (Some(made_for), Some(given)) => format!(
                    "The checkpoint was made for storage profile {made_for}, not for {given}; give that \
                     profile, or use another checkpoint directory."
                ),
            };
            return Err(Error::new(ErrorCode::Checkpoint, message)
                .with("checkpointStorageProfileId", made_for)
                .with("storageProfileId", local_storage_profile_id));
        }
        Ok(checkpoint)
    }

    /// The file's text: ASCII, as Python writes JSON.
    pub fn write(&self) -> String {
        to_ascii_json(self)
    }
}

impl CheckpointJob {
    /// What is kept of a job that is no longer a candidate, so that a requeue is noticed.
    pub fn stub(job_id: &str) -> Self {
        Self::of(Map::from_iter([("jobId".to_owned(), job_id.into())]))
    }

    /// What the checkpoint keeps of it when it is no longer a candidate, if anything: a requeue cannot be told from
    /// SearchJobs alone.
    pub(super) fn let_go(&self) -> Option<Self> {
        let session_ended_timestamp = Some(self.session_ended_timestamp?);
        Some(Self { session_ended_timestamp, ..Self::stub(self.job_id()) })
    }

    pub(super) fn of(job: Map<String, Value>) -> Self {
        Self {
            job,
            session_ended_timestamp: None,
            session_completed_indexes: BTreeMap::new(),
            other: Map::new(),
        }
    }

    /// The job's id; empty in none that was read.
    pub fn job_id(&self) -> &str {
        text(&self.job, "jobId").unwrap_or_default()
    }

    /// Whether nothing but the id is known.
    pub fn is_stub(&self) -> bool {
        self.job.len() == 1
    }
}

fn allowance<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let seconds = u32::deserialize(deserializer)?;
    Ok(if seconds == 0 { EVENTUAL_CONSISTENCY_MAX_SECONDS } else { seconds })
}

/// A text of a JSON object.
pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// JSON in ASCII with two spaces of indentation. Integers keep their form.
pub(super) fn to_ascii_json(value: &impl Serialize) -> String {
    // Maps with text keys, numbers and texts: there is nothing that could fail.
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    if json.is_ascii() {
        return json;
    }
    let mut ascii = String::with_capacity(json.len() + json.len() / 8);
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}
