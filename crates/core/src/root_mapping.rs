//! Which rules an asset root is mapped by: a root's own override, the rules between two storage profiles,
//! or none at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};
use crate::path::{PathFormat, is_absolute};
use crate::path_mapping::{PathMappingApplier, PathMappingRule};
use crate::storage_profile::{StorageProfileWithId, generate_path_mapping_rules};

/// What decides how asset roots are mapped.
#[derive(Debug, Clone)]
pub struct RootMapperOptions {
    /// The profile that the job was submitted with.
    pub job_storage_profile: Option<StorageProfileWithId>,
    /// The profile of the host that downloads.
    pub local_storage_profile: Option<StorageProfileWithId>,
    /// The format of the job's paths, where no job profile says it.
    pub source_path_format: Option<PathFormat>,
    /// Local directories by asset root; they win over rules.
    pub root_overrides: BTreeMap<String, String>,
    /// The format of local paths.
    pub destination_path_format: PathFormat,
}

/// Answers for each asset root how its paths are read and mapped.
#[derive(Debug, Clone)]
pub struct RootMapper {
    source_path_format: Option<PathFormat>,
    destination_path_format: PathFormat,
    overrides: BTreeMap<String, String>,
    rules: Rules,
}

#[derive(Debug, Clone)]
enum Rules {
    /// Both profiles are one: paths stay as they are.
    SameProfile,
    /// No profiles: paths stay as they are where they are in the local format.
    NoProfiles,
    Between(Arc<PathMappingApplier>),
}

impl RootMapper {
    /// Prepares the rules.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for one storage profile without the other, or an override that is not absolute.
    pub fn new(options: RootMapperOptions) -> Result<Self> {
        let RootMapperOptions { job_storage_profile, local_storage_profile, destination_path_format, .. } =
            options;
        let rules = match (&job_storage_profile, &local_storage_profile) {
            (None, None) => Rules::NoProfiles,
            (Some(job), Some(local)) if job.storage_profile_id == local.storage_profile_id => {
                Rules::SameProfile
            }
            (Some(job), Some(local)) => Rules::Between(Arc::new(PathMappingApplier::new(
                &generate_path_mapping_rules(job, local),
                destination_path_format,
            )?)),
            (given, _) => {
                let (given, missing) = match given {
                    Some(_) => ("jobStorageProfile", "localStorageProfile"),
                    None => ("localStorageProfile", "jobStorageProfile"),
                };
                return Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!("{given} needs {missing}: paths are mapped from the one to the other"),
                )
                .with("argument", missing));
            }
        };
        for (root, directory) in &options.root_overrides {
            if !is_absolute(directory, destination_path_format) {
                return Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!("rootOverrides maps {root} to {directory}, which is not an absolute path"),
                )
                .with("argument", "rootOverrides"));
            }
        }
        let profile_format = job_storage_profile.map(|profile| profile.os_family.to_path_format());
        Ok(Self {
            source_path_format: profile_format.or(options.source_path_format),
            destination_path_format,
            overrides: options.root_overrides,
            rules,
        })
    }

    /// The format of the root's paths, and what maps them; none where they stay as they are.
    pub fn for_root(&self, asset_root: &str) -> Result<(PathFormat, Option<Arc<PathMappingApplier>>)> {
        let format = self.source_path_format.unwrap_or_else(|| PathFormat::of_root(asset_root));
        if let Some(directory) = self.overrides.get(asset_root) {
            let rule = PathMappingRule {
                source_path_format: format,
                source_path: crate::path::normalize(asset_root, format),
                destination_path: directory.clone(),
            };
            let applier = PathMappingApplier::new(&[rule], self.destination_path_format)?;
            return Ok((format, Some(Arc::new(applier))));
        }
        Ok((
            format,
            match &self.rules {
                Rules::SameProfile | Rules::NoProfiles => None,
                Rules::Between(applier) => Some(Arc::clone(applier)),
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_profile::StorageProfileOsFamily;

    fn profile(id: &str) -> StorageProfileWithId {
        StorageProfileWithId {
            storage_profile_id: id.into(),
            display_name: String::new(),
            os_family: StorageProfileOsFamily::Windows,
            file_system_locations: Vec::new(),
        }
    }

    fn options() -> RootMapperOptions {
        RootMapperOptions {
            job_storage_profile: None,
            local_storage_profile: None,
            source_path_format: None,
            root_overrides: BTreeMap::new(),
            destination_path_format: PathFormat::Posix,
        }
    }

    #[test]
    fn one_profile_without_the_other_is_an_error_that_names_the_missing_one() {
        let error =
            RootMapper::new(RootMapperOptions { local_storage_profile: Some(profile("a")), ..options() })
                .unwrap_err();
        assert_eq!(
            (error.code, error.details["argument"].as_str()),
            (ErrorCode::InvalidArgument, Some("jobStorageProfile"))
        );
    }

    #[test]
    fn profiles_that_share_no_location_map_nothing_at_all() {
        let mapper = RootMapper::new(RootMapperOptions {
            job_storage_profile: Some(profile("a")),
            local_storage_profile: Some(profile("b")),
            ..options()
        })
        .unwrap();
        let (format, applier) = mapper.for_root("Z:\\p").unwrap();
        assert_eq!(format, PathFormat::Windows);
        assert_eq!(applier.unwrap().transform("Z:\\p\\a"), None);
    }

    #[test]
    fn paths_stay_as_they_are_only_for_one_profile_or_none_at_all() {
        let one = RootMapper::new(RootMapperOptions {
            job_storage_profile: Some(profile("a")),
            local_storage_profile: Some(profile("a")),
            ..options()
        });
        for mapper in [one.unwrap(), RootMapper::new(options()).unwrap()] {
            assert!(mapper.for_root("Z:\\p").unwrap().1.is_none());
        }
    }

    #[test]
    fn an_override_wins_over_the_rules() {
        let mapper = RootMapper::new(RootMapperOptions {
            job_storage_profile: Some(profile("a")),
            local_storage_profile: Some(profile("b")),
            root_overrides: [("Z:\\p".to_owned(), "/here".to_owned())].into(),
            ..options()
        })
        .unwrap();
        let applier = mapper.for_root("Z:\\p").unwrap().1.unwrap();
        assert_eq!(applier.transform("Z:\\p\\a").as_deref(), Some("/here/a"));
    }

    #[test]
    fn the_source_format_is_the_profiles_then_the_given_then_told_from_the_root() {
        let told = RootMapper::new(options()).unwrap();
        assert_eq!(told.for_root("Z:\\p").unwrap().0, PathFormat::Windows);
        let given =
            RootMapper::new(RootMapperOptions { source_path_format: Some(PathFormat::Posix), ..options() })
                .unwrap();
        assert_eq!(given.for_root("Z:\\p").unwrap().0, PathFormat::Posix);
    }

    #[test]
    fn a_relative_override_is_refused() {
        let overrides = [("/p".to_owned(), "here".to_owned())].into();
        let error =
            RootMapper::new(RootMapperOptions { root_overrides: overrides, ..options() }).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
}
