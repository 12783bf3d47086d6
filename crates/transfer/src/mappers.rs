//! Where jobs' files belong on this machine: one mapper for each storage profile that jobs were submitted with.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusty_attachments_core::{Error, Result, RootMapper, RootMapperOptions, StorageProfileWithId};

use crate::orchestrator::LOCAL_FORMAT;

/// Makes each mapper once.
pub(crate) struct Mappers<'a> {
    profiles: &'a [StorageProfileWithId],
    local: Option<&'a StorageProfileWithId>,
    /// The error for a job, by its id, whose profile is not among those given.
    unknown: fn(profile_id: &str, job_id: &str) -> Error,
    known: HashMap<Option<&'a str>, Arc<RootMapper>>,
}

impl<'a> Mappers<'a> {
    pub(crate) fn new(
        profiles: &'a [StorageProfileWithId],
        local: Option<&'a StorageProfileWithId>,
        unknown: fn(profile_id: &str, job_id: &str) -> Error,
    ) -> Self {
        Self { profiles, local, unknown, known: HashMap::new() }
    }

    /// The mapper of a job that was submitted with this profile. Among jobs that are mapped, one without has no place.
    pub(crate) fn of(&mut self, job_id: &str, profile_id: Option<&'a str>) -> Result<Arc<RootMapper>> {
        if let Some(known) = self.known.get(&profile_id) {
            return Ok(known.clone());
        }
        let mapper = if profile_id.is_none() && self.local.is_some() {
            RootMapper::nothing(LOCAL_FORMAT)
        } else {
            let profile =
                |id| find_profile(self.profiles, id).cloned().ok_or_else(|| (self.unknown)(id, job_id));
            RootMapper::new(RootMapperOptions {
                job_storage_profile: profile_id.map(profile).transpose()?,
                local_storage_profile: self.local.cloned(),
                source_path_format: None,
                root_overrides: BTreeMap::new(),
                destination_path_format: LOCAL_FORMAT,
            })?
        };
        Ok(self.known.entry(profile_id).or_insert(Arc::new(mapper)).clone())
    }
}

/// The profile with this id.
pub(crate) fn find_profile<'a>(
    profiles: &'a [StorageProfileWithId],
    id: &str,
) -> Option<&'a StorageProfileWithId> {
    profiles.iter().find(|profile| profile.storage_profile_id == id)
}
